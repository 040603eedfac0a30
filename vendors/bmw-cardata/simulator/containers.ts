/** Containers: each names the values that `telematicData` answers. */
import { z } from 'zod';
import { hash32 } from '../../kit/random';
import { json } from '../../kit/server/server';
import type { SimAnswer } from '../../kit/vendor';
import { carDataError } from './errors';
import type { CarDataScenario } from './options';

const containerSchema = z.object({
  type: z.literal('container'),
  gcid: z.string(),
  containerId: z.string(),
  name: z.string(),
  purpose: z.string(),
  technicalDescriptors: z.array(z.string()),
  created: z.string(),
});
const removedSchema = z.object({ type: z.literal('container-removed'), containerId: z.string() });
const entrySchema = z.discriminatedUnion('type', [containerSchema, removedSchema]);
type Container = z.infer<typeof containerSchema>;

const requestSchema = z.object({
  name: z.string().min(1).max(255),
  purpose: z.string().min(1).max(255),
  technicalDescriptors: z.array(z.string().min(1)).min(1),
});

export class ContainerDesk {
  private readonly containers = new Map<string, Container>();
  private made = 0;

  constructor(
    private readonly seed: number,
    private readonly options: CarDataScenario['containers'],
    private readonly record: (entry: z.infer<typeof entrySchema>) => void,
  ) {}

  of(gcid: string): Container[] {
    return [...this.containers.values()].filter((container) => container.gcid === gcid);
  }

  find(gcid: string, id: string): Container | undefined {
    const container = this.containers.get(id);
    return container?.gcid === gcid ? container : undefined;
  }

  list(gcid: string): SimAnswer {
    return json(200, { containers: this.of(gcid).map(summaryOf) });
  }

  get(gcid: string, id: string): SimAnswer {
    const container = this.find(gcid, id);
    if (!container) return carDataError('CU-105');
    return json(200, detailsOf(container));
  }

  create(gcid: string, body: unknown, now: number): SimAnswer {
    const request = requestSchema.safeParse(body);
    if (!request.success) return carDataError('CU-120', request.error.issues[0]?.path.join('.') ?? 'body');
    const { technicalDescriptors } = request.data;
    const unknown = technicalDescriptors.find((descriptor) => !/^vehicle(\.[A-Za-z0-9]+)+$/.test(descriptor));
    if (unknown !== undefined) return carDataError('CU-121', unknown);
    if (technicalDescriptors.length > this.options.maxDescriptors) return carDataError('CU-122');
    if (this.of(gcid).length >= this.options.max) return carDataError('CU-124');
    const n = this.made + 1;
    const container: Container = {
      type: 'container',
      gcid,
      containerId: `S${n}${hash32(this.seed, 'container', n).toString(16).padStart(8, '0').toUpperCase()}`,
      ...request.data,
      created: new Date(now).toISOString(),
    };
    this.apply(container);
    this.record(container);
    return { ...json(201, detailsOf(container)), detail: { containerId: container.containerId } };
  }

  remove(gcid: string, id: string): SimAnswer {
    if (!this.find(gcid, id)) return carDataError('CU-105');
    this.drop([id]);
    return { status: 204 };
  }

  /** Loses containers, as the vendor does now and then: these, or all. */
  drop(ids: readonly string[] | true): void {
    for (const containerId of ids === true ? [...this.containers.keys()] : ids) {
      const entry = { type: 'container-removed' as const, containerId };
      this.apply(entry);
      this.record(entry);
    }
  }

  all(): Container[] {
    return [...this.containers.values()];
  }

  /** Made so far, whether they are still there or not. */
  get created(): number {
    return this.made;
  }

  /** True when the entry was one of ours. */
  replay(entry: unknown): boolean {
    const parsed = entrySchema.safeParse(entry);
    if (parsed.success) this.apply(parsed.data);
    return parsed.success;
  }

  private apply(entry: z.infer<typeof entrySchema>): void {
    if (entry.type === 'container-removed') this.containers.delete(entry.containerId);
    else {
      this.containers.set(entry.containerId, entry);
      this.made++;
    }
  }
}

function summaryOf({ containerId, name, purpose, created }: Container) {
  return { containerId, name, purpose, state: 'ACTIVE', created };
}

function detailsOf(container: Container) {
  return { ...summaryOf(container), technicalDescriptors: container.technicalDescriptors };
}
