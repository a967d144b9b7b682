// The page's call for other clients. Each snippet works unchanged in the file's
// directory.

/** Call is the call of a snippet: one file to one model of one server. */
export interface Call {
  /** The server's origin, such as "http://localhost:8080". */
  origin: string;
  model: string;
  file: string;
}

const service = "modelserving.Predictor";

/** curl uses Connect with JSON, in which bytes are base64. */
export function curl(call: Call): string {
  return `${jsonRequest(call)} |
  curl -sS ${shellQuote(`${call.origin}/${service}/FastPredict`)} \\
    -H 'Content-Type: application/json' --data-binary @-`;
}

/** grpcurl uses gRPC; it gets the types by server reflection. */
export function grpcurl(call: Call): string {
  const plaintext = isPlaintext(call) ? "-plaintext " : "";
  return `${jsonRequest(call)} |
  grpcurl ${plaintext}-d @ ${shellQuote(hostAndPort(call))} ${service}/FastPredict`;
}

/** python uses gRPC with server reflection, so it needs no generated code. */
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

/** jsonRequest returns a shell command that prints the request as JSON. */
function jsonRequest({ model, file }: Call): string {
  const json = JSON.stringify({ modelName: model, rawImage: "" });
  // printf interprets backslashes and percent signs; the image replaces "%s".
  const format = json.replaceAll("\\", "\\\\").replaceAll("%", "%%").replace(/""}$/, '"%s"}');
  return `printf ${shellQuote(format)} "$(base64 < ${shellQuote(file)} | tr -d '\\n')"`;
}

/** shellQuote quotes a word for a POSIX shell. */
export function shellQuote(word: string): string {
  return /^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** pythonQuote returns a string literal. Every escape of JSON is valid in Python. */
export function pythonQuote(text: string): string {
  return JSON.stringify(text);
}

function isPlaintext({ origin }: Call): boolean {
  return new URL(origin).protocol === "http:";
}

/** hostAndPort includes the port even if it is the scheme's default. */
function hostAndPort(call: Call): string {
  const { host, port } = new URL(call.origin);
  return port ? host : `${host}:${isPlaintext(call) ? 80 : 443}`;
}
