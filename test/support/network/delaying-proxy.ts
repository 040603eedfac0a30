/** An HTTP proxy before the vendor that can delay one request until after its sender has died. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface DelayingProxy {
  readonly url: string;
  forwardTo(vendorUrl: string): void;
  /** Holds the next request of this method. */
  holdNext(method: string): void;
  /** Requests held now. */
  held(): number;
  releaseAfter(ms: number): void;
  close(): Promise<void>;
}

export async function startDelayingProxy(): Promise<DelayingProxy> {
  let vendor = '';
  let toHold: string | null = null;
  const waiting: (() => void)[] = [];
  const timers: NodeJS.Timeout[] = [];

  async function carry(request: http.IncomingMessage, answer: http.ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    if (request.method === toHold) {
      toHold = null;
      await new Promise<void>((go) => waiting.push(go));
    }
    const sent = await fetch(`${vendor}${request.url}`, {
      method: request.method ?? 'GET',
      headers: Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
        typeof value === 'string' && !HOP_BY_HOP.has(name) ? [[name, value]] : [],
      ),
      ...(parts.length > 0 ? { body: Buffer.concat(parts) } : {}),
    });
    const body = Buffer.from(await sent.arrayBuffer());
    const headers = [...sent.headers].filter(([name]) => !HOP_BY_HOP.has(name));
    answer.writeHead(sent.status, Object.fromEntries(headers)).end(body);
  }

  const server = http.createServer((request, answer) => {
    carry(request, answer).catch(() => answer.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forwardTo: (url) => {
      vendor = url;
    },
    holdNext: (method) => {
      toHold = method;
    },
    held: () => waiting.length,
    releaseAfter: (ms) => {
      const release = () => {
        for (const go of waiting.splice(0)) go();
      };
      timers.push(setTimeout(release, ms));
    },
    close: () =>
      new Promise((closed) => {
        for (const timer of timers) clearTimeout(timer);
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

const HOP_BY_HOP = new Set(['connection', 'host', 'keep-alive', 'content-length', 'transfer-encoding']);
