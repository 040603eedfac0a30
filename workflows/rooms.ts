/** Activities on the task queue of their kind of work: see quota/task-queues.ts. */
import {
  type ActivityInterfaceFor,
  type ActivityOptions,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import { type Room, roomQueue } from '../quota/task-queues';

/** As `proxyActivities`, on the task queue of that room. The queue's name is known only once a workflow runs. */
export function roomActivities<A>(room: Room, options: ActivityOptions): ActivityInterfaceFor<A> {
  return new Proxy({} as ActivityInterfaceFor<A>, {
    get: (_, name) => (input: unknown) => {
      const taskQueue = roomQueue(workflowInfo().taskQueue, room);
      const activities = proxyActivities<Record<string, (input: unknown) => Promise<unknown>>>({
        ...options,
        taskQueue,
      });
      return activities[String(name)]?.(input);
    },
  });
}
