// The page's call, written for other clients. Each snippet works as it stands
// in a directory that holds the file.

/** Call is what a snippet does: one file to one model of one server. */
export interface Call {
  /** The server's origin, such as "http://localhost:8080". */
  origin: string;
  model: string;
  file: string;
}

const service = "modelserving.Predictor";

/** curl speaks Connect with JSON, in which bytes are base64. */
export function curl(call: Call): string {
  return `${jsonRequest(call)} |
  curl -sS ${shellQuote(`${call.origin}/${service}/FastPredict`)} \\
    -H 'Content-Type: application/json' --data-binary @-`;
}

/** grpcurl speaks gRPC; it learns the types by reflection. */
export function grpcurl(call: Call): string {
  const plaintext = isPlaintext(call) ? "-plaintext " : "";
  return `${jsonRequest(call)} |
  grpcurl ${plaintext}-d @ ${shellQuote(hostAndPort(call))} ${service}/FastPredict`;
}

/** python speaks gRPC too, and needs no generated code. */
export function python(call: Call): string {
  const target = pythonQuote(hostAndPort(call));
  const channel = isPlaintext(call)
    ? `grpc.insecure_channel(${target})`
    : `grpc.secure_channel(${target}, grpc.ssl_channel_credentials())`;
  return `# pip install grpcio grpcio-reflection
import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

channel = ${channel}
pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
method = pool.FindMethodByName("${service}.FastPredict")
Request = GetMessageClass(method.input_type)
Response = GetMessageClass(method.output_type)
fast_predict = channel.unary_unary(
    "/${service}/FastPredict",
    request_serializer=Request.SerializeToString,
    response_deserializer=Response.FromString,
)

with open(${pythonQuote(call.file)}, "rb") as file:
    request = Request(model_name=${pythonQuote(call.model)}, raw_image=file.read())
response = fast_predict(request, timeout=30)
print(response.model_name, response.model_version, list(response.shape))
for c in response.classifications:
    print(f"{c.score:.4f}", c.label or c.index)`;
}

/** jsonRequest is a shell command that prints the request as JSON. */
function jsonRequest({ model, file }: Call): string {
  const json = JSON.stringify({ modelName: model, rawImage: "" });
  // printf reads backslashes and percent signs; its own "%s" takes the image.
  const format = json.replaceAll("\\", "\\\\").replaceAll("%", "%%").replace(/""}$/, '"%s"}');
  return `printf ${shellQuote(format)} "$(base64 < ${shellQuote(file)} | tr -d '\\n')"`;
}

/** shellQuote writes a word for a POSIX shell. */
export function shellQuote(word: string): string {
  return /^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** pythonQuote writes a string literal. Every escape of JSON is one of Python. */
export function pythonQuote(text: string): string {
  return JSON.stringify(text);
}

function isPlaintext({ origin }: Call): boolean {
  return new URL(origin).protocol === "http:";
}

/** hostAndPort names the port also where it is the scheme's own. */
function hostAndPort(call: Call): string {
  const { host, port } = new URL(call.origin);
  return port ? host : `${host}:${isPlaintext(call) ? 80 : 443}`;
}
