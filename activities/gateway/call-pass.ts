/**
 * The proof that a call has a permit. Only the gateway makes one, and every function that sends a request to a vendor
 * demands one. A pass is good for one request. It knows the secrets that the request carries, and redacts them from
 * everything that comes back.
 */
import type { CallResult } from '../../vendors/contract';
import type { HttpRequest } from '../../vendors/http';
import { SecretValues } from './credentials/secret-values';

export class CallPass {
  private used = false;
  private hidden: SecretValues;

  /**
   * @param onSent called when the request is being written.
   * @param secrets values that the request carries.
   * @param identify makes the request say whose it is, where the vendor wants to know.
   */
  constructor(
    private readonly onSent: () => void,
    private secrets: readonly string[],
    private readonly identify: (request: HttpRequest) => HttpRequest = (request) => request,
  ) {
    this.hidden = SecretValues.of(secrets);
  }

  /** What the answer itself brings, e.g. a new token, is as secret as what was sent. */
  alsoHide(values: readonly string[]): void {
    if (values.length === 0) return;
    this.secrets = [...this.secrets, ...values];
    this.hidden = SecretValues.of(this.secrets);
  }

  /**
   * To be called before anything is sent.
   * @returns the request as it is to leave.
   * @throws when it has been used: one permit is one request.
   */
  use(request: HttpRequest): HttpRequest {
    if (this.used) throw new Error('a permit was to be used for a second request');
    this.used = true;
    return this.identify(request);
  }

  /** The request is being written: a connection is open, and nothing stands before it there. */
  sent(): void {
    this.onSent();
  }

  /** A vendor or a proxy before it may quote what a request carried. */
  clean<R extends CallResult>(result: R): R {
    if (result.kind === 'transport') {
      return { ...result, error: { ...result.error, message: this.hideInMessage(result.error.message) } };
    }
    const { headers, body, statusText } = result.response;
    const clean = Object.entries(headers).map(([name, value]) => [name, this.hide(value)]);
    return {
      ...result,
      response: {
        ...result.response,
        headers: Object.fromEntries(clean),
        body: this.hide(body),
        ...(statusText === undefined ? {} : { statusText: this.hide(statusText) }),
      },
    };
  }

  hide(text: string): string {
    return this.hidden.hide(text);
  }

  hideInMessage(text: string): string {
    return this.hidden.hideInMessage(text);
  }
}
