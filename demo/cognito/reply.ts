/** What an operation answers, before it takes the form of a protocol. */
export type Reply = { readonly kind: 'result'; readonly body: Readonly<Record<string, unknown>> } | Refusal;

export interface Refusal {
  readonly kind: 'refusal';
  readonly name: string;
  readonly message: string;
  /** Absent: what the service sends for this name. */
  readonly status?: number;
}

export function result(body: Readonly<Record<string, unknown>>): Reply {
  return { kind: 'result', body };
}

export function refuse(name: string, message: string): Refusal {
  return { kind: 'refusal', name, message };
}

export function invalidParameter(message: string): Refusal {
  return refuse('InvalidParameterException', message);
}
