/** Activities on the task queue of their kind of work: see quota/task-queues.ts. */
import {
  type ActivityInterfaceFor,
  type ActivityOptions,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import { activityQueue, type WorkKind } from '../quota/task-queues';

/** As `proxyActivities`, on the task queue of that kind of work. The queue's name is known only once a workflow runs. */
export function activitiesFor<A>(kind: WorkKind, options: ActivityOptions): ActivityInterfaceFor<A> {
  return new Proxy({} as ActivityInterfaceFor<A>, {
    get: (_, name) => (input: unknown) => {
      const taskQueue = activityQueue(workflowInfo().taskQueue, kind);
      const activities = proxyActivities<Record<string, (input: unknown) => Promise<unknown>>>({
        ...options,
        taskQueue,
      });
      return activities[String(name)]?.(input);
    },
  });
}
