// RPCs to the server of this page.

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import {
  type InferenceResponse,
  type ListModelsResponse,
  Predictor,
} from "../../gen/es/modelserving/predictor_pb.js";
import { withToken } from "./token.js";

export type Protocol = "connect" | "grpc-web";

/** Prediction is a response with its measurements. */
export interface Prediction {
  response: InferenceResponse;
  protocol: Protocol;
  /** From the call to the decoded response, in milliseconds. */
  roundTripMs: number;
  /** Sizes of the request's and the response's body in bytes. */
  sent: number;
  received: number;
}

/** listModels lists the server's models with a GET, which the browser may cache. */
export async function listModels(): Promise<ListModelsResponse> {
  const transport = createConnectTransport({
    baseUrl: location.origin,
    useBinaryFormat: true,
    useHttpGet: true,
    fetch: countingFetch({ sent: 0, received: 0 }),
  });
  return createClient(Predictor, transport).listModels({});
}

/** predict sends an image's bytes unchanged and requests the five best labels. */
export async function predict(
  protocol: Protocol,
  modelName: string,
  rawImage: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<Prediction> {
  const traffic = { sent: 0, received: 0 };
  const create = protocol === "grpc-web" ? createGrpcWebTransport : createConnectTransport;
  const transport = create({
    baseUrl: location.origin,
    useBinaryFormat: true,
    fetch: countingFetch(traffic),
  });
  const started = performance.now();
  const response = await createClient(Predictor, transport).fastPredict(
    { modelName, rawImage, topK: 5 },
    { signal },
  );
  return { response, protocol, roundTripMs: performance.now() - started, ...traffic };
}

/** describeError returns an error's code, in the protocols' spelling, and its message. */
export function describeError(error: unknown): { code: string; message: string } {
  const { code, rawMessage } = ConnectError.from(error);
  return {
    code: (Code[code] ?? "Unknown").replaceAll(/(?<=[a-z])[A-Z]/g, (c) => `_${c}`).toLowerCase(),
    message: rawMessage,
  };
}

/** countingFetch returns a fetch that adds the sizes of bodies to traffic. */
function countingFetch(traffic: { sent: number; received: number }): typeof globalThis.fetch {
  return async (input, init) => {
    traffic.sent += init?.body instanceof Uint8Array ? init.body.byteLength : 0;
    let response: Response;
    try {
      response = await fetch(input, { ...init, headers: withToken(init?.headers) });
    } catch (error) {
      if (init?.signal?.aborted) {
        throw error;
      }
      // Browsers do not expose the cause to scripts.
      throw new ConnectError("no response: the server is unreachable or closed the connection", Code.Unavailable);
    }
    const counted = response.body?.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          traffic.received += chunk.byteLength;
          controller.enqueue(chunk);
        },
      }),
    );
    return counted ? new Response(counted, response) : response;
  };
}
