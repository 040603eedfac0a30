/**
 * Puts the messages and stack traces of failures into a payload, where the codec encrypts them: they may quote a
 * vendor's answer. Loaded by path in the worker, in the workflow sandbox and in clients.
 */
import { DefaultFailureConverter } from '@temporalio/common';

export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
