import { CallPass } from '../../activities/gateway/call-pass';

/** Leave to send without a permit: for what is tried without the gateway, or asked of a simulator itself. */
export function freePass(secrets: readonly string[] = [], onSent: () => void = () => undefined): CallPass {
  return new CallPass(onSent, secrets);
}
