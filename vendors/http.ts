/** Requests and parsed answers as plain data, the same for every vendor. */

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The answer's body is no text: when it is a success, it is handed on in base64. */
  readonly binary?: true;
}

/** Records of a body that were not usable, while the others were. */
export interface LeftOut {
  readonly count: number;
  /** Of these, the ones that are not as the contract says; the others are in order and of no use. */
  readonly malformed: number;
  /** What was wrong with the first of them, a malformed one where there is one. */
  readonly problem: string;
}

/** A body checked against its contract. `leftOut` is there only when something was. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T; readonly leftOut?: LeftOut }
  | { readonly ok: false; readonly problem: string };
