/** Which call a request is. */
import type { SimRequest } from '../../kit/vendor';

const OPERATIONS = {
  'POST responses': 'createResponse',
  'POST files': 'uploadFile',
  'GET files': 'listFiles',
  'GET files/:id': 'getFile',
  'GET files/:id/content': 'downloadFile',
  'DELETE files/:id': 'deleteFile',
  'POST batches': 'createBatch',
  'GET batches': 'listBatches',
  'GET batches/:id': 'getBatch',
  'POST batches/:id/cancel': 'cancelBatch',
  'GET models': 'listModels',
  'GET models/:id': 'getModel',
} as const;

export type Operation = (typeof OPERATIONS)[keyof typeof OPERATIONS] | 'prompts' | 'unknown';

export interface Route {
  readonly operation: Operation;
  /** The id in the path, decoded. */
  readonly id: string;
}

export function routeOf(request: SimRequest): Route {
  const [version, resource = '', id, action, ...rest] = request.url.pathname.split('/').slice(1);
  if (version !== 'v1' || rest.length > 0) return { operation: 'unknown', id: '' };
  if (resource === 'prompts') return { operation: 'prompts', id: id ?? '' };
  const place = [resource, ...(id === undefined ? [] : [':id']), ...(action === undefined ? [] : [action])];
  const key = `${request.method} ${place.join('/')}`;
  const operation = isRoute(key) ? OPERATIONS[key] : 'unknown';
  return { operation, id: decode(id ?? '') };
}

function isRoute(key: string): key is keyof typeof OPERATIONS {
  return Object.hasOwn(OPERATIONS, key);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
