/**
 * Requests of the Files and Batch APIs as plain data. Nothing is sent from here.
 *
 * Source: platform.openai.com/docs/guides/batch: up to 50,000 requests and 200 MB a file, a window of 24 hours, half
 * the price, an input token queue of its own for each model. Uploaded files of batches expire after 30 days by
 * themselves.
 */
import { randomUUID } from 'node:crypto';
import type { TextBatchApi } from '../../capabilities/text-batches';
import type { HttpRequest } from '../../http';
import { authorizeWith, postTo, urlOf } from '../authorize';
import { OPENAI_BATCH_OPERATIONS } from '../limits';
import type { OpenAiAccount } from '../settings';
import { inputTokens } from '../tokens';
import { parseBatch, parseBatchList, parseBatchRefusal, parseBatchResult, parseFile } from './contract';

const ENDPOINT = '/v1/responses';
const PAGE_SIZE = 100;

export function openaiTextBatches(account: OpenAiAccount): TextBatchApi {
  const { maxRequests, maxBytes, enqueuedTokens, pollSeconds, pollMaxSeconds, settleSeconds } =
    account.batchApi;
  const get = (path: string): HttpRequest => ({ method: 'GET', url: urlOf(account, path), headers: {} });
  const post = (path: string, body: unknown) => postTo(account, path, body);
  return {
    operations: OPENAI_BATCH_OPERATIONS,
    maxRequests,
    maxBytes,
    timeoutMs: account.timeoutSeconds * 1000,
    poll: { firstMs: pollSeconds * 1000, maxMs: Math.max(pollSeconds, pollMaxSeconds) * 1000 },
    settleMs: settleSeconds * 1000,
    enqueuedTokens: (model) => ownOf(enqueuedTokens, model),
    priceShare: 0.5,
    priceOf: (model) => ownOf(account.prices, model),
    inputTokens: (request) => inputTokens(String(request.input)),
    line: (customId, body) =>
      `${JSON.stringify({ custom_id: customId, method: 'POST', url: ENDPOINT, body })}\n`,
    authorize: authorizeWith(account),
    upload: (name, bytes) => {
      const boundary = `sluice-${randomUUID()}`;
      const head =
        `--${boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n` +
        `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\n` +
        'content-type: application/jsonl\r\n\r\n';
      const tail = `\r\n--${boundary}--\r\n`;
      return {
        request: {
          method: 'POST',
          url: urlOf(account, '/files'),
          headers: {
            'content-type': `multipart/form-data; boundary=${boundary}`,
            'content-length': String(Buffer.byteLength(head) + bytes + Buffer.byteLength(tail)),
          },
        },
        head,
        tail,
      };
    },
    create: (fileId, metadata) =>
      post('/batches', {
        input_file_id: fileId,
        endpoint: ENDPOINT,
        completion_window: '24h',
        metadata,
      }),
    get: (id) => get(`/batches/${encodeURIComponent(id)}`),
    list: (after) =>
      get(`/batches?limit=${PAGE_SIZE}${after === null ? '' : `&after=${encodeURIComponent(after)}`}`),
    cancel: (id) => post(`/batches/${encodeURIComponent(id)}/cancel`, {}),
    download: (fileId) => get(`/files/${encodeURIComponent(fileId)}/content`),
    parseFile,
    parseBatch,
    parseList: parseBatchList,
    parseRefusal: parseBatchRefusal,
    parseResult: parseBatchResult,
  };
}

/** A model may have any name, also one that every object knows. */
function ownOf<T>(map: Readonly<Record<string, T>>, model: string): T | null {
  return Object.hasOwn(map, model) ? (map[model] ?? null) : null;
}
