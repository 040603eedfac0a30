/** `sluice api`: an API server in the foreground. */
import type { Command } from 'commander';
import { apiPort, parseHost } from '../../operations/processes/api-process';
import { contextOf } from '../command';
import { untilInterrupted } from '../interrupt';
import { note, print } from '../output';

interface ApiOptions {
  readonly host: string;
  readonly port?: string;
}

export function addApi(program: Command): void {
  program
    .command('api')
    .description('serve the HTTP API in the foreground; sluice up runs one, too')
    .option(
      '--host <address>',
      'where to listen; any but a loopback address asks for keys (sluice keys)',
      '127.0.0.1',
    )
    .option('--port <port>', '0 for any (default: api.port of the settings, or another when that is in use)')
    .action(runApi);
}

async function runApi(options: ApiOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const { serveApi } = await import('../../api/serve.js');
  const server = await serveApi(context, {
    host: parseHost(options.host),
    port: await apiPort(context.settings, options.port, note),
  });
  print(`API        ${server.url}/api/v1`);
  print(`Reference  ${server.url}/api/docs`);
  print('Ctrl-C ends it.');
  const interrupt = untilInterrupted();
  await interrupt.promise;
  await server.close();
  interrupt.done();
}
