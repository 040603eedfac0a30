/** The Files API: what was uploaded, and the results that batches leave behind. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { hash32 } from '../../../kit/random';
import { json } from '../../../kit/server/server';
import type { SimAnswer, SimRequest } from '../../../kit/vendor';
import { errorAnswer, invalidRequest, noSuchFile } from '../answers/errors';
import type { OpenAiScenario } from '../options';
import { readMultipart } from './multipart';

const PURPOSES = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'];

const fileSchema = z.object({
  type: z.literal('file'),
  id: z.string(),
  project: z.string(),
  purpose: z.string(),
  filename: z.string(),
  bytes: z.number(),
  createdAt: z.number(),
});
type SimFile = z.infer<typeof fileSchema>;
const deletedSchema = z.object({ type: z.literal('file-deleted'), id: z.string() });

/** A file that is written when it is read: the results of a batch. */
export interface ResultFile {
  readonly id: string;
  readonly project: string;
  readonly filename: string;
  readonly createdAt: number;
  bytes(): Promise<number>;
  pieces(): AsyncIterable<Buffer>;
}

export class FileDesk {
  private readonly files = new Map<string, SimFile>();
  private readonly contents = new Map<string, Buffer>();
  private readonly deleted = new Set<string>();

  /** @param results finds a result file of a batch as it is at `now`. */
  constructor(
    private readonly scenario: OpenAiScenario,
    private readonly record: (entry: unknown) => void,
    private readonly results: (id: string, now: number) => ResultFile | undefined,
  ) {}

  upload(request: SimRequest, project: string): SimAnswer {
    const parts = readMultipart(request.headers['content-type'], request.body);
    if (!parts) {
      return refuse(400, 'Could not parse multipart form', null);
    }
    const purpose = parts.get('purpose')?.content.toString('utf8');
    const file = parts.get('file');
    if (purpose === undefined) return refuse(400, "'purpose' is a required property", 'purpose');
    if (!PURPOSES.includes(purpose)) {
      return refuse(400, `'${purpose}' is not one of ${JSON.stringify(PURPOSES)} - 'purpose'`, 'purpose');
    }
    if (!file || file.filename === null) return refuse(400, "'file' is a required property", 'file');
    if (file.content.length > this.scenario.maxFileBytes) {
      return refuse(
        413,
        `File is too large: ${file.content.length} bytes. The maximum is ${this.scenario.maxFileBytes} bytes.`,
        'file',
      );
    }
    if (file.content.length === 0) return refuse(400, 'File is empty.', 'file');
    if (purpose === 'batch' && !file.filename.endsWith('.jsonl')) {
      return refuse(400, `Invalid file format for Batch API. Must be .jsonl`, 'file');
    }
    const entry: SimFile = {
      type: 'file',
      id: `file-${name(this.scenario.seed, this.files.size, 'file')}`,
      project,
      purpose,
      filename: file.filename,
      bytes: file.content.length,
      createdAt: request.at,
    };
    this.keep(entry.id, file.content);
    this.files.set(entry.id, entry);
    this.record(entry);
    return { ...json(200, view(entry)), detail: { fileId: entry.id, bytes: entry.bytes } };
  }

  async get(project: string, id: string, now: number): Promise<SimAnswer> {
    const file = this.find(project, id);
    if (file) return json(200, view(file));
    const result = this.result(project, id, now);
    if (!result) return errorAnswer(404, noSuchFile(id));
    return json(200, view({ ...result, purpose: 'batch_output', bytes: await result.bytes() }));
  }

  content(project: string, id: string, now: number): SimAnswer {
    const headers = { 'content-type': 'application/octet-stream' };
    const file = this.find(project, id);
    if (file) {
      const content = this.read(id);
      return { status: 200, headers, body: () => Readable.from([content], { objectMode: false }) };
    }
    const result = this.result(project, id, now);
    if (!result) return errorAnswer(404, noSuchFile(id));
    return {
      status: 200,
      headers,
      body: () => Readable.from(result.pieces(), { objectMode: true, highWaterMark: 2 }),
    };
  }

  delete(project: string, id: string, now: number): SimAnswer {
    if (!this.find(project, id) && !this.result(project, id, now)) return errorAnswer(404, noSuchFile(id));
    this.deleted.add(id);
    this.record({ type: 'file-deleted', id });
    return json(200, { id, object: 'file', deleted: true });
  }

  /** Uploaded files only, newest first unless `order` is `asc`; of one `purpose` where the query names it. */
  list(project: string, query: URLSearchParams): readonly unknown[] {
    const purpose = query.get('purpose');
    const all = [...this.files.values()].filter(
      (f) => f.project === project && !this.deleted.has(f.id) && (purpose === null || f.purpose === purpose),
    );
    return (query.get('order') === 'asc' ? all : all.reverse()).map(view);
  }

  /** An uploaded file of the project. */
  find(project: string, id: string): SimFile | undefined {
    const file = this.files.get(id);
    return file?.project === project && !this.deleted.has(id) ? file : undefined;
  }

  /** What was uploaded; also after the file was deleted, for a batch that runs on it. */
  read(id: string): Buffer {
    const held = this.contents.get(id);
    if (held) return held;
    const content = readFileSync(join(this.folder(), id));
    this.contents.set(id, content);
    return content;
  }

  get count(): number {
    return this.files.size;
  }

  /** True when the entry was one of ours. */
  replay(entry: unknown): boolean {
    const file = fileSchema.safeParse(entry);
    if (file.success) this.files.set(file.data.id, file.data);
    const deleted = deletedSchema.safeParse(entry);
    if (deleted.success) this.deleted.add(deleted.data.id);
    return file.success || deleted.success;
  }

  private result(project: string, id: string, now: number): ResultFile | undefined {
    const result = this.results(id, now);
    return result?.project === project && !this.deleted.has(id) ? result : undefined;
  }

  /** Contents lie beside the journal, not in it: a line of 200 MB is not a line. */
  private keep(id: string, content: Buffer): void {
    // A copy: a part is a view of the whole request, which would be kept with it.
    this.contents.set(id, Buffer.from(content));
    if (this.scenario.stateFile === undefined) return;
    mkdirSync(this.folder(), { recursive: true });
    writeFileSync(join(this.folder(), id), content);
  }

  private folder(): string {
    return `${this.scenario.stateFile}.files`;
  }
}

/** 24 characters that name the nth thing of a kind. */
export function name(seed: number, n: number, kind: string): string {
  return [0, 1, 2].map((i) => hash32(seed, n, kind, i).toString(16).padStart(8, '0')).join('');
}

function view(file: Pick<SimFile, 'id' | 'bytes' | 'createdAt' | 'filename' | 'purpose'>): unknown {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: Math.floor(file.createdAt / 1000),
    filename: file.filename,
    purpose: file.purpose,
    status: 'processed',
    expires_at: null,
  };
}

function refuse(status: number, message: string, param: string | null): SimAnswer {
  return errorAnswer(status, invalidRequest(message, param, null));
}
