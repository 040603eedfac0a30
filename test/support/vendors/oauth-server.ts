/**
 * A token endpoint with rotating refresh tokens, each good for one refresh, whose answers a test decides. Its bodies are
 * verdicts of the scripted vendor, with the tokens beside them.
 */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the next requests are answered: with tokens, a verdict and no tokens, never, or with tokens once `release` is called. */
export type OAuthMode = 'tokens' | 'silent' | 'late' | Readonly<Record<string, unknown>>;

export class OAuthServer {
  mode: OAuthMode = 'tokens';
  /** Used-up refresh tokens are taken again. */
  lenient = false;
  expiresInMs = 3_600_000;
  /** Refresh tokens as they came. */
  readonly asked: string[] = [];
  readonly given: string[] = [];
  valid = 'refresh-token-number-0';
  private readonly used = new Set<string>();
  private readonly waiting: (() => void)[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<OAuthServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const made = new OAuthServer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`);
    server.on('request', async (request, response: ServerResponse) => {
      let body = '';
      for await (const part of request) body += part;
      made.answer(new URLSearchParams(body).get('refresh_token') ?? '', response);
    });
    return made;
  }

  private answer(refreshToken: string, response: ServerResponse): void {
    this.asked.push(refreshToken);
    if (typeof this.mode === 'object') {
      response.end(JSON.stringify(this.mode));
      return;
    }
    const known = refreshToken === this.valid || (this.lenient && this.used.has(refreshToken));
    if (!known) {
      response.statusCode = 400;
      response.end(
        JSON.stringify({ kind: 'auth', reason: 'refused', error: `invalid_grant ${refreshToken}` }),
      );
      return;
    }
    this.used.add(refreshToken);
    this.valid = `refresh-token-number-${this.asked.length}`;
    this.given.push(this.valid);
    const tokens = JSON.stringify({
      kind: 'ok',
      access_token: `access-token-number-${this.asked.length}`,
      refresh_token: this.valid,
      expires_in: this.expiresInMs,
      // Holds what was sent, as a signed token holds its client.
      id_token: `id.${Buffer.from(`client-id-of-the-test ${refreshToken}`).toString('base64url')}.sig`,
    });
    if (this.mode === 'tokens') response.end(tokens);
    if (this.mode === 'late') this.waiting.push(() => response.end(tokens));
  }

  release(): void {
    for (const answer of this.waiting.splice(0)) answer();
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
