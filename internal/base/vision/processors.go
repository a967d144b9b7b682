package vision

import (
	"slices"
	"strings"
)

// unsupportedFamilies are processors with other steps than those of [Preprocess]: they
// round or crop before they resize, pad, cut tiles or patches, order the channels in another
// way, take several images or frames, or give the model more than pixels. With ViT's steps
// the tensor would be silently wrong, by up to the full range of values.
//
// With families, they are all image processors of transformers 5.24 and 4.57.
var unsupportedFamilies = []string{
	"Apertus1p5", "Aria", "BridgeTower", "CHMv2", "Cohere2Vision", "CohereCompass", "Cosmos3Edge",
	"DeepseekOcr2", "DeepseekVL", "DeepseekVLHybrid", "DepthPro", "Donut", "EfficientLoFTR", "Emu3",
	"Ernie4_5_VLMoe", "Ernie4_5_VL_Moe", "Flava", "Fuyu", "GLPN", "Gemma4", "Gemma4Unified", "Glm46V",
	"Glm4v", "Glm5Next", "GlmImage", "Glmga", "GraniteDocling", "HYV4VL", "HunYuanVL", "Idefics",
	"Idefics2", "Idefics3", "ImageGPT", "Inkling", "Inkling2", "Janus", "Kimi_K25", "Kosmos2_5",
	"LayoutLMv2", "Lfm2Vl", "LightGlue", "Llama4", "LlavaNext", "LlavaNextVideo",
	"LlavaOnevision", "MiniCPMOcr", "MiniCPMV4_6", "MiniMaxM3VL", "Mllama", "Molmo2", "MuseGlimmer",
	"NemotronH_Omni_Reasoning_V3", "NeoMME", "Nougat", "Owlv2", "PI0", "PPDocLayoutV2", "PPDocLayoutV3",
	"PPDocLayoutV4", "PPFormulaNet", "PPLCNet", "PPOCRV5ServerDet", "PPOCRV5ServerRec",
	"PPOCRV6SmallRec", "PaddleOCRVL", "Perceiver", "PerceptionLM", "Phi4Multimodal", "Pix2Struct",
	"Pixtral", "Qwen2VL", "SLANeXt", "Sam", "Sapiens2", "Siglip2", "SmolVLM", "Step3p7", "SuperGlue",
	"SuperPoint", "Swin2SR", "TextNet", "TimmWrapper", "Tvlt", "Tvp", "UVDoc", "UltraVBert",
	"UnlimitedOcr", "VideoLlama3", "VideoLlava", "Vilt", "VitMatte", "VitPose", "Vivit", "ZoeDepth",
}

// audioExtractors are feature extractors of audio, for files without a sampling rate.
var audioExtractors = []string{
	"AST", "Clap", "Clvp", "Dac", "Dia", "Encodec", "MCTCT", "Moonshine", "MusicgenMelody", "Parakeet",
	"Pop2Piano", "SEW", "SeamlessM4T", "Speech2Text", "SpeechT5", "UnivNet", "Wav2Vec2", "Whisper",
}

// processorName returns the name of a processor without its suffixes.
func processorName(name string) string {
	for _, suffix := range []string{"Fast", "Pil", "ImageProcessor", "FeatureExtractor"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// isAudioExtractor reports whether a feature_extractor_type is of audio.
func isAudioExtractor(name string) bool {
	return slices.Contains(audioExtractors, processorName(name))
}

// family returns the family of the processor that the object names. An unknown or absent
// name is ViT: most processors differ from it only in values that their files contain.
// known is false for such a name.
func (c *configReader) family() (f family, known bool, err error) {
	name := c.processor()
	if c.err != nil {
		return family{}, false, c.err
	}
	base := processorName(name)
	if slices.Contains(unsupportedFamilies, base) {
		return family{}, false, badConfig(c.file, "image_processor_type is %q, which is not supported, because it does more than resize, crop and normalise: send tensors that it has made", name)
	}
	f, known = families[base]
	if !known {
		f = families["ViT"]
	}
	return f, known, nil
}
