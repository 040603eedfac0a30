/**
 * Namespaces for the time of a test or a demo, in a Temporal that others use, too: ids of workflows and schedules are made of
 * pools and accounts, and two of one name are one only where they share a namespace.
 */
import { randomBytes } from 'node:crypto';
import { type ConnectionLike, isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';

/** The shortest that servers take. */
const RETENTION = '1 day';
/** gRPC's NOT_FOUND. */
const NOT_FOUND = 5;

/** A name that nobody else gives. */
export function temporaryNamespaceName(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

/** It takes the right to make namespaces, which Temporal Cloud gives to nobody. */
export async function createTemporaryNamespace(connection: ConnectionLike, namespace: string): Promise<void> {
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs(RETENTION),
  });
}

/** With all that is in it. One that is gone already is no error. */
export async function deleteTemporaryNamespace(connection: ConnectionLike, namespace: string): Promise<void> {
  try {
    await connection.operatorService.deleteNamespace({ namespace });
  } catch (error) {
    if (!(isGrpcServiceError(error) && error.code === NOT_FOUND)) throw error;
  }
}
