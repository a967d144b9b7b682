package handler

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// ListModels implements [modelservingconnect.PredictorHandler].
func (p *Predictor) ListModels(ctx context.Context, _ *modelserving.ListModelsRequest) (*modelserving.ListModelsResponse, error) {
	snapshot := p.models.Snapshot()
	if err := p.etags.check(ctx, snapshot); err != nil {
		return nil, err
	}
	res := &modelserving.ListModelsResponse{DefaultModel: snapshot.DefaultModel}
	for _, m := range snapshot.Models {
		res.Models = append(res.Models, describe(m, m.Newest()))
	}
	return res, nil
}

// GetModel implements [modelservingconnect.PredictorHandler].
func (p *Predictor) GetModel(ctx context.Context, req *modelserving.GetModelRequest) (*modelserving.GetModelResponse, error) {
	snapshot := p.models.Snapshot()
	model, version, err := snapshot.Lookup(req.GetModelName(), req.GetModelVersion())
	if err != nil {
		return nil, rpcError(ctx, p.options.Logger, err)
	}
	if err := p.etags.check(ctx, snapshot); err != nil {
		return nil, err
	}
	return &modelserving.GetModelResponse{Model: describe(model, version)}, nil
}

// describe tells of model, and of how version, which may be nil, takes and gives
// tensors.
func describe(model *Model, version *Version) *modelserving.Model {
	m := &modelserving.Model{Name: model.Name, State: modelserving.ModelState_MODEL_STATE_UNAVAILABLE, Reason: model.Reason}
	for _, v := range model.Versions {
		state, reason := stateOf(v)
		m.Versions = append(m.Versions, &modelserving.ModelVersion{Version: v.Name(), State: state, Reason: reason})
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
	front := version.Serving
	inputs := version.Signature.Inputs
	if front.input != nil {
		inputs = []engine.TensorSpec{*front.input}
	}
	m.Version = version.Name()
	m.Inputs, m.Outputs = tensorInfos(inputs), tensorInfos(version.Signature.Outputs)
	m.Labels = version.Labels
	if front.image != nil {
		m.Image = front.image.info()
	}
	return m
}

// info describes the image that the model takes. Where the model leaves the size
// open, the preprocessing may still fix it.
func (i *imageInput) info() *modelserving.ImageInfo {
	info := &modelserving.ImageInfo{Width: int32(i.target.Width), Height: int32(i.target.Height), Channels: int32(i.target.Channels), Layout: "NCHW"}
	if i.target.Layout == vision.NHWC {
		info.Layout = "NHWC"
	}
	return info
}

func tensorInfos(specs []engine.TensorSpec) []*modelserving.TensorInfo {
	infos := make([]*modelserving.TensorInfo, len(specs))
	for i, spec := range specs {
		infos[i] = &modelserving.TensorInfo{Name: spec.Name, Datatype: spec.DataType.String(), Shape: spec.Shape}
	}
	return infos
}

// stateOf returns a version's state, and the reason for it.
func stateOf(v *Version) (modelserving.ModelState, string) {
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

// etags lets browsers keep the answers of GETs. An answer depends on the URL and
// on the repository's state, so the state's number names it; the random part tells
// this process's numbers from an earlier one's.
type etags struct{ process string }

func newETags() etags { return etags{process: rand.Text()} }

// check sets the headers that let a GET be cached. It returns the error that
// answers 304 when the caller's copy is current.
func (e etags) check(ctx context.Context, snapshot *Snapshot) error {
	call, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return nil
	}
	server, ok := connecthttp.ServerInfoForContext(ctx)
	if !ok || server.HTTPMethod() != http.MethodGet || anyFailing(snapshot) {
		return nil // what fails recovers without a new snapshot
	}
	tag := fmt.Sprintf(`W/"%s-%d"`, e.process, snapshot.Generation)
	call.ResponseHeader().Set("ETag", tag)
	call.ResponseHeader().Set("Cache-Control", "no-cache")
	for _, known := range call.RequestHeader().Values("If-None-Match") {
		if known == "*" || strings.Contains(known, tag) {
			return connecthttp.NewNotModifiedError()
		}
	}
	return nil
}

func anyFailing(snapshot *Snapshot) bool {
	for _, m := range snapshot.Models {
		for _, v := range m.Versions {
			if v.Failing() != nil {
				return true
			}
		}
	}
	return false
}
