/** Logs: structured JSON for machines, or lines for people. Temporal's own messages go to the same stream. */
import { DefaultLogger, type LogLevel, type Logger as TemporalLogger } from '@temporalio/worker';
import pino, { type DestinationStream, type Logger } from 'pino';
import type { Settings } from '../settings';

/** Field names whose values must never be written, wherever they stand. */
const REDACTED = [
  'accessToken',
  'refreshToken',
  'clientSecret',
  'password',
  'authorization',
  'apiKey',
  'token',
];

export function createLog(settings: Settings['log'], destination?: DestinationStream): Logger {
  const options = {
    level: settings.level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: REDACTED.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
  };
  return destination ? pino(options, destination) : pino(options);
}

const LEVELS: Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};

/** The SDK's messages through our log, one level down: what it calls info is news to nobody but its developers. */
export function temporalLogger(log: Logger): TemporalLogger {
  const child = log.child({ source: 'temporal' });
  return new DefaultLogger('INFO', ({ level, message, meta }) => {
    const at = level === 'INFO' ? 'debug' : LEVELS[level];
    // What is under `error` would be logged as {}: the properties of an Error are not its own to list.
    const { error, ...rest } = meta ?? {};
    child[at]({ ...rest, ...(error === undefined ? {} : { err: error }) }, message);
  });
}
