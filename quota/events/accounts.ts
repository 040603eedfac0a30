/** Events of logins, streams, and keys of the API. */
import { BOTH, event, LOG, ROW } from './kind';

export const ACCOUNT_EVENTS = {
  'login.needed': event(
    'warn',
    BOTH,
    ['reason', 'lostAt?'],
    'a person has to log in to an account; emitted once until somebody has. `lostAt`: when the refresh was sent whose answer never came',
  ),
  'login.done': event('info', ROW, ['subject'], 'a person has logged in to an account'),
  'stream.connected': event(
    'info',
    LOG,
    ['account'],
    'a stream is connected: the vendor reports changes by itself from now on',
  ),
  'stream.ended': event(
    'info',
    LOG,
    ['account'],
    'the connection is closed, e.g. to connect again with a newer token',
  ),
  'stream.lost': event(
    'warn',
    BOTH,
    ['account', 'reason'],
    'the connection was lost, or cannot be made; emitted once until it is back',
  ),
  'stream.refused': event(
    'warn',
    BOTH,
    ['account', 'reason'],
    'the stream does not accept the login; emitted once until it is back',
  ),
  'stream.silent': event(
    'warn',
    ROW,
    ['account', 'reason'],
    'the connection is there and brings no messages: each vehicle is read once by a call',
  ),
  'stream.unlisted': event(
    'warn',
    BOTH,
    ['account', 'vehicle'],
    "the stream reports a vehicle that is not on the account's list: the list is fetched again, at most once an hour, and its values are kept; emitted once a day",
  ),
  'stream.back': event('info', ROW, ['account'], 'messages arrive again'),
  'key.created': event('info', ROW, ['key', 'id', 'scope', 'by'], 'a key of the API was created'),
  'key.revoked': event('info', ROW, ['key', 'id', 'by'], 'a key of the API was revoked'),
  'api.called': event(
    'info',
    ROW,
    ['by', 'operation', 'path', 'status', 'requestId'],
    'somebody has changed something through the HTTP API',
  ),
} as const;
