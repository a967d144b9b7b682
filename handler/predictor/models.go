package predictor

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/handler/apierr"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

// ListModels implements [modelservingconnect.PredictorHandler].
func (s *Service) ListModels(ctx context.Context, _ *modelserving.ListModelsRequest) (*modelserving.ListModelsResponse, error) {
	snapshot := s.runner.Snapshot(ctx)
	if err := s.etags.check(ctx, snapshot); err != nil {
		return nil, err
	}
	res := &modelserving.ListModelsResponse{DefaultModel: snapshot.DefaultModel}
	for _, m := range snapshot.Models {
		res.Models = append(res.Models, describe(m, m.Newest()))
	}
	return res, nil
}

// GetModel implements [modelservingconnect.PredictorHandler].
func (s *Service) GetModel(ctx context.Context, req *modelserving.GetModelRequest) (*modelserving.GetModelResponse, error) {
	snapshot := s.runner.Snapshot(ctx)
	if err := permission.CheckModel(ctx, req.GetModelName()); err != nil {
		return nil, apierr.RPC(ctx, s.options.Logger, err)
	}
	model, version, err := snapshot.Lookup(req.GetModelName(), req.GetModelVersion())
	if err != nil {
		return nil, apierr.RPC(ctx, s.options.Logger, err)
	}
	if err := s.etags.check(ctx, snapshot); err != nil {
		return nil, err
	}
	return &modelserving.GetModelResponse{Model: describe(model, version)}, nil
}

// describe returns the description of a model and of the tensors of a version of it,
// which may be nil.
func describe(model *infer.Model, version *infer.Version) *modelserving.Model {
	m := &modelserving.Model{Name: model.Name, State: modelserving.ModelState_MODEL_STATE_UNAVAILABLE, Reason: model.Reason}
	for _, v := range model.Versions {
		state, reason := stateOf(v)
		m.Versions = append(m.Versions, &modelserving.ModelVersion{Version: v.Name(), State: state, Reason: reason, Worker: workerOf(v)})
	}
	switch newest := model.Newest(); {
	case newest != nil:
		if m.State, m.Reason = stateOf(newest); m.State == modelserving.ModelState_MODEL_STATE_READY {
			m.Reason = ""
		}
	case len(model.Versions) > 0:
		m.State, m.Reason = stateOf(model.Versions[0])
	}
	if version == nil || version.State != repository.Ready {
		return m
	}
	inputs := version.Signature.Inputs
	image := version.Serving.ImageInput()
	if image != nil {
		inputs = slices.Clone(inputs)
		inputs[version.Signature.Required()[0]] = *image.Spec()
	}
	m.Version = version.Name()
	m.Inputs, m.Outputs = tensorInfos(inputs), tensorInfos(version.Serving.Outputs())
	m.Labels, m.Warnings = version.Serving.Labels(), version.Warnings()
	if image != nil {
		m.Image, m.ImageReason = imageInfo(image), image.Reason()
	}
	return m
}

// imageInfo describes the image that the model takes; nil when it takes none. Where the
// model leaves the size open, the preprocessing may still fix it.
func imageInfo(input *imageinput.Input) *modelserving.ImageInfo {
	target, ok := input.Target()
	if !ok {
		return nil
	}
	info := &modelserving.ImageInfo{Width: int32(target.Width), Height: int32(target.Height), Channels: int32(target.Channels), Layout: "NCHW"}
	if target.Layout == vision.NHWC {
		info.Layout = "NHWC"
	}
	return info
}

func tensorInfos(specs []engine.TensorSpec) []*modelserving.TensorInfo {
	infos := make([]*modelserving.TensorInfo, len(specs))
	for i, spec := range specs {
		infos[i] = &modelserving.TensorInfo{Name: spec.Name, Datatype: spec.DataType.String(), Shape: spec.Shape, Optional: spec.Optional}
	}
	return infos
}

// stateOf returns a version's state, and the reason for it.
func stateOf(v *infer.Version) (modelserving.ModelState, string) {
	state, reason := v.Condition()
	switch state {
	case repository.Ready:
		return modelserving.ModelState_MODEL_STATE_READY, reason
	case repository.Loading:
		return modelserving.ModelState_MODEL_STATE_LOADING, reason
	case repository.Unavailable, repository.Unloading:
	}
	return modelserving.ModelState_MODEL_STATE_UNAVAILABLE, reason
}

// workerOf describes the worker of a version; nil where there is none.
func workerOf(v *infer.Version) *modelserving.Worker {
	state, ok := v.Worker()
	if !ok {
		return nil
	}
	w := &modelserving.Worker{
		Pid: int32(state.PID), Restarts: int32(state.Restarts), LastDeath: state.LastDeath, Reason: state.Reason,
		State: modelserving.WorkerState_WORKER_STATE_RUNNING,
	}
	if state.PID == 0 {
		w.State = modelserving.WorkerState_WORKER_STATE_STARTING
	}
	if !state.Started.IsZero() {
		w.StartTime = timestamppb.New(state.Started)
	}
	if !state.Died.IsZero() {
		w.LastDeathTime = timestamppb.New(state.Died)
	}
	return w
}
