/** The HTTP API without servers behind it: for what it says before a use case begins. */
import { type AppOptions, createApp } from '../../../client/api/app';
import { ROUTES } from '../../../client/api/routes/index';
import { contextWith } from '../../../client/operations/backend/context';
import { openBackend } from '../../../client/operations/backend/open-backend';
import { stateDir } from '../../../embedded/state-dir';
import { parseSettings } from '../../../settings';

export interface BareApi {
  readonly port: number;
  close(): Promise<void>;
}

/** It takes bodies of 1,000 bytes. */
export async function startBareApi(own: Partial<AppOptions> = {}): Promise<BareApi> {
  const settings = parseSettings('accounts: {}', { file: null, baseDir: '/', env: {} });
  const context = contextWith(settings, stateDir('/nowhere', {}), () => undefined);
  const app = await createApp({
    ...settings.api,
    backend: openBackend(context, { applicationName: 'test', connections: 1 }),
    routes: ROUTES,
    ...{ version: '0', loopback: true, logLevel: 'silent' },
    ...{ bodyLimit: 1000, maxUploadBytes: 1000 },
    ...own,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as { port: number };
  return { port, close: () => app.close() };
}
