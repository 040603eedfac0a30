/** `sluice api`: an API server in the foreground. */
import type { Command } from 'commander';
import { API_PORT, parseHost } from '../operations/api-process';
import { parsePort } from '../operations/codec-server';
import { contextOf } from './command';
import { untilInterrupted } from './interrupt';
import { print } from './output';

interface ApiOptions {
  readonly host: string;
  readonly port: string;
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
    .option('--port <port>', '0 for any', String(API_PORT))
    .action(runApi);
}

async function runApi(options: ApiOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const { serveApi } = await import('../api/serve.js');
  const server = await serveApi(context, { host: parseHost(options.host), port: parsePort(options.port) });
  print(`API        ${server.url}/api/v1`);
  print(`Reference  ${server.url}/api/docs`);
  print('Ctrl-C ends it.');
  const interrupt = untilInterrupted();
  await interrupt.promise;
  await server.close();
  interrupt.done();
}
