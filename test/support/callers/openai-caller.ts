/** Calls the OpenAI simulator as anybody would: with the official client, which does not retry by itself. */
import OpenAI, { toFile } from 'openai';

export const MODEL = 'gpt-4.1-mini';

export function clientOf(baseUrl: string, apiKey = 'sk-bios'): OpenAI {
  return new OpenAI({ apiKey, baseURL: baseUrl, maxRetries: 0, timeout: 20_000 });
}

/** The error that a call ends with. Throws when it succeeds, or fails without an answer. */
export async function refusalOf(call: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const outcome = await call.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(outcome instanceof OpenAI.APIError)) throw new Error(`no API error but ${String(outcome)}`);
  return outcome;
}

/** One line of a batch's input file. */
export function batchLine(customId: string, input: string, more: Record<string, unknown> = {}): string {
  const body = { model: MODEL, input, max_output_tokens: 300 };
  return JSON.stringify({ custom_id: customId, method: 'POST', url: '/v1/responses', body, ...more });
}

export async function upload(client: OpenAI, lines: readonly string[]): Promise<string> {
  const file = await toFile(Buffer.from(`${lines.join('\n')}\n`), 'requests.jsonl');
  return (await client.files.create({ file, purpose: 'batch' })).id;
}

export async function readLines(client: OpenAI, fileId: string): Promise<Record<string, unknown>[]> {
  const text = await (await client.files.content(fileId)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
