// Package imageinput turns an image, an array or plain values into the input tensor of
// a model.
//
// An [Input] holds, for one version of a model, where an image goes in the model's
// input. A [Source] is what a request gives. [Input.Tensor] converts values and arrays,
// and [Input.Decode] converts encoded images, of which [Slots] bounds how many are
// decoded at once. An [Error] names the field of the Source at fault as data, so that
// each API can render its own name for it.
package imageinput
