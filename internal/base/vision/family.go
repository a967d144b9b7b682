package vision

// family is an image processor of transformers: the defaults of absent keys, and how
// it interprets the others.
type family struct {
	Preprocess

	// shortestInt: a bare integer in "size" is the shortest edge, not a
	// square (default_to_square=False in transformers).
	shortestInt bool

	// enlarge converts the file's size into the size to resize to, for processors
	// that resize to more than they crop. nil: the file's size is used unchanged.
	enlarge func(p *Preprocess, cropPct float64)
	cropPct float64

	// pads: do_pad changes a single image too.
	pads bool
}

// Means and standard deviations by their names in transformers.
var (
	standardMean = []float64{0.5, 0.5, 0.5}
	imagenetMean = []float64{0.485, 0.456, 0.406}
	imagenetStd  = []float64{0.229, 0.224, 0.225}
	clipMean     = []float64{0.48145466, 0.4578275, 0.40821073}
	clipStd      = []float64{0.26862954, 0.26130258, 0.27577711}
)

func square(side int) Size   { return Size{Width: side, Height: side} }
func shortest(side int) Size { return Size{ShortestEdge: side} }

// newFamily returns a family with the defaults that all processors share. crop 0
// means no crop.
func newFamily(size Size, filter Filter, crop int, mean, std []float64) family {
	return family{
		Preprocess: Preprocess{
			DoResize: true, Size: size, Resample: filter,
			DoCenterCrop: crop > 0, CropSize: square(crop), EnsureMultipleOf: 1,
			DoRescale: true, RescaleFactor: rescaleDefault,
			DoNormalize: true, Mean: mean, Std: std,
		},
		shortestInt: size.ShortestEdge > 0,
	}
}

// with returns a changed copy.
func (f family) with(change func(*family)) family {
	change(&f)
	return f
}

// families maps a processor's name without suffix to its defaults: those of its
// constructor in transformers 4.57, which the golden test compares. ResNet, Swin and
// most of the models without an entry use the processor of ViT, ConvNeXT or BiT.
//
// The processors from Sam2 on exist only for torchvision. It computes the same steps with
// values that may differ from Pillow's by one level.
var families = map[string]family{
	"ViT":         newFamily(square(224), Bilinear, 0, standardMean, standardMean),
	"DeiT":        newFamily(square(256), Bicubic, 224, standardMean, standardMean),
	"Beit":        newFamily(square(256), Bicubic, 224, standardMean, standardMean),
	"Segformer":   newFamily(square(512), Bilinear, 0, imagenetMean, imagenetStd),
	"DPT":         newFamily(square(384), Bicubic, 0, standardMean, standardMean),
	"Pvt":         newFamily(square(224), Bilinear, 0, imagenetMean, imagenetStd),
	"Siglip":      newFamily(square(224), Bicubic, 0, standardMean, standardMean).with(intIsShortest),
	"CLIP":        newFamily(shortest(224), Bicubic, 224, clipMean, clipStd).with(convertsRGB),
	"ChineseCLIP": newFamily(shortest(224), Bicubic, 224, clipMean, clipStd).with(convertsRGB),
	"Bit":         newFamily(shortest(224), Bicubic, 224, clipMean, clipStd).with(convertsRGB),
	"ViTHybrid":   newFamily(shortest(224), Bicubic, 224, clipMean, clipStd).with(convertsRGB),
	"MobileNetV1": newFamily(shortest(256), Bilinear, 224, standardMean, standardMean),
	"MobileNetV2": newFamily(shortest(256), Bilinear, 224, standardMean, standardMean),
	"ConvNext": newFamily(shortest(384), Bilinear, 0, standardMean, standardMean).with(func(f *family) {
		f.enlarge, f.cropPct = enlargeConvNext, 224.0/256
	}),
	"PoolFormer": newFamily(shortest(224), Bicubic, 224, imagenetMean, imagenetStd).with(func(f *family) {
		f.enlarge, f.cropPct = enlargePoolFormer, 0.9
	}),
	"Levit": newFamily(shortest(224), Bicubic, 224, imagenetMean, imagenetStd).with(func(f *family) {
		f.enlarge = enlargeLevit
	}),
	"EfficientNet": newFamily(square(346), Nearest, 0, standardMean, standardMean).with(func(f *family) {
		f.CropSize, f.IncludeTop = square(289), true
	}),
	"Detr": detr, "ConditionalDetr": detr, "DeformableDetr": detr, "Deta": detr, "GroundingDino": detr,
	"OneFormer":  detr.with(convertsRGB),
	"Yolos":      detr.with(func(f *family) { f.EnsureMultipleOf, f.Rounding = 16, RoundDown }),
	"MaskFormer": detr.with(roundsUp), "Mask2Former": detr.with(roundsUp),
	"Eomt":                newFamily(Size{ShortestEdge: 640, LongestEdge: 640}, Bilinear, 0, imagenetMean, imagenetStd).with(pads),
	"RTDetr":              newFamily(square(640), Bilinear, 0, imagenetMean, imagenetStd).with(func(f *family) { f.DoNormalize = false }),
	"Blip":                newFamily(square(384), Bicubic, 0, clipMean, clipStd).with(convertsRGB),
	"InstructBlipVideo":   newFamily(square(384), Bicubic, 0, clipMean, clipStd).with(convertsRGB),
	"GotOcr2":             newFamily(square(384), Bicubic, 0, clipMean, clipStd).with(convertsRGB),
	"Ovis2":               newFamily(square(384), Bicubic, 0, clipMean, clipStd).with(convertsRGB),
	"PPChart2Table":       newFamily(square(1024), Bicubic, 0, clipMean, clipStd),
	"OwlViT":              newFamily(square(768), Bicubic, 0, clipMean, clipStd).with(func(f *family) { f.CropSize = square(768) }),
	"Llava":               newFamily(shortest(224), Bicubic, 224, clipMean, clipStd).with(convertsRGB).with(pads),
	"Gemma3":              newFamily(square(224), Bilinear, 0, standardMean, standardMean).with(convertsRGB),
	"VideoMAE":            newFamily(shortest(224), Bilinear, 224, standardMean, standardMean),
	"SegGpt":              newFamily(square(448), Bicubic, 0, imagenetMean, imagenetStd).with(convertsRGB),
	"PromptDepthAnything": newFamily(square(384), Bicubic, 0, standardMean, standardMean).with(pads),
	"EfficientFormer":     newFamily(square(224), Bicubic, 224, imagenetMean, imagenetStd),
	"Chameleon": newFamily(shortest(512), Lanczos, 512, []float64{1, 1, 1}, []float64{1, 1, 1}).with(func(f *family) {
		f.RescaleFactor, f.DoConvertRGB = 0.0078, true
	}),
	"Sam2":       newFamily(square(1024), Bilinear, 0, imagenetMean, imagenetStd).with(convertsRGB).with(pads),
	"Sam3":       newFamily(square(1008), Bilinear, 0, standardMean, standardMean).with(convertsRGB).with(pads),
	"DINOv3ViT":  newFamily(square(224), Bilinear, 0, imagenetMean, imagenetStd),
	"RfDetr":     detr,
	"Tipsv2":     newFamily(square(448), Bilinear, 0, nil, nil).with(func(f *family) { f.DoNormalize, f.DoConvertRGB = false, true }),
	"Tipsv2Dpt":  newFamily(square(448), Bilinear, 0, nil, nil).with(func(f *family) { f.DoNormalize, f.DoConvertRGB = false, true }),
	"LayoutLMv3": newFamily(square(224), Bilinear, 0, standardMean, standardMean),
	"MobileViT": newFamily(shortest(224), Bilinear, 256, nil, nil).with(func(f *family) {
		f.DoNormalize, f.FlipChannelOrder = false, true
	}),
}

// detr is the processor of DETR and of the detectors that copy it.
var detr = newFamily(Size{ShortestEdge: 800, LongestEdge: 1333}, Bilinear, 0, imagenetMean, imagenetStd)

func convertsRGB(f *family)   { f.DoConvertRGB = true }
func intIsShortest(f *family) { f.shortestInt = true }
func pads(f *family)          { f.pads = true }
func roundsUp(f *family)      { f.EnsureMultipleOf, f.Rounding = 32, RoundUp }

// enlargeConvNext: below 384 the shortest edge is resized to int(edge/crop_pct)
// and a square of the edge is cropped; from 384 on the image is resized directly to
// that square.
func enlargeConvNext(p *Preprocess, cropPct float64) {
	edge := p.Size.ShortestEdge
	switch {
	case edge == 0:
		// Height and width: the processor's slow version rejects them, its fast
		// version uses them unchanged.
	case edge >= 384:
		p.Size = square(edge)
	default:
		p.Size = shortest(int(float64(edge) / cropPct))
		p.DoCenterCrop, p.CropSize = true, square(edge)
	}
}

// enlargePoolFormer: a shortest edge or a square is resized by its shortest edge to
// int(side/crop_pct), any other size to both sides divided by crop_pct.
func enlargePoolFormer(p *Preprocess, cropPct float64) {
	enlarged := func(side int) int { return int(float64(side) / cropPct) }
	switch s := p.Size; {
	case s.ShortestEdge > 0:
		p.Size = shortest(enlarged(s.ShortestEdge))
	case s.Width == s.Height:
		p.Size = shortest(enlarged(s.Width))
	default:
		p.Size = Size{Width: enlarged(s.Width), Height: enlarged(s.Height)}
	}
}

// enlargeLevit: a shortest edge is resized to 256/224 of itself.
func enlargeLevit(p *Preprocess, _ float64) {
	if edge := p.Size.ShortestEdge; edge > 0 {
		p.Size = shortest(int(256.0 / 224 * float64(edge)))
	}
}
