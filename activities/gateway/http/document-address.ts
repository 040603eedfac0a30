/**
 * Checks where a document may be fetched from. Its URL comes in a vendor's answer, so whoever can write that answer
 * chooses where this process connects to. Only https is allowed, and no address of this machine or its network, also
 * after DNS. An account whose own base URL is such an address, a simulator's for example, may have its documents
 * there, too.
 */
import { lookup as lookupWithCallback } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, type LookupFunction } from 'node:net';

export interface DocumentPolicy {
  /** Where the account's API answers. */
  readonly baseUrl: string;
  /** Hosts that documents may come from, `*.example.com` for all below one; undefined for any. */
  readonly hosts?: readonly string[] | undefined;
}

const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv4');
  // The same, as IPv6 writes it: mapped, translated (RFC 6052) and 6to4.
  PRIVATE.addSubnet(`::ffff:${network}`, 96 + prefix, 'ipv6');
  PRIVATE.addSubnet(`64:ff9b::${network}`, 96 + prefix, 'ipv6');
}
for (const [network, prefix] of [
  ['::', 96],
  ['2001::', 32],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 9],
  ['ff00::', 8],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv6');
}

/** Where a machine's own keys are handed out, to whoever asks from it: no vendor, simulator or proxy has documents there. */
const METADATA = new BlockList();
METADATA.addSubnet('169.254.0.0', 16, 'ipv4');
METADATA.addSubnet('::ffff:169.254.0.0', 112, 'ipv6');
METADATA.addSubnet('fe80::', 10, 'ipv6');
METADATA.addAddress('fd00:ec2::254', 'ipv6');
METADATA.addAddress('100.100.100.200', 'ipv4');

function isMetadataAddress(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && METADATA.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** @param address IPv4 or IPv6: loopback, private, link-local, or otherwise no address of the Internet. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address);
  return family === 0 || PRIVATE.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** All addresses of a host; an empty list when there is none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

const resolveByDns: Resolve = async (host) => {
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
};

/**
 * @returns why nothing is fetched from there, naming the host and never the URL, whose query is a key; null when it may be.
 */
export async function whyNotFetched(
  url: string,
  { baseUrl, hosts }: DocumentPolicy,
  resolve: Resolve = resolveByDns,
): Promise<string | null> {
  if (!URL.canParse(url)) return 'its URL is none';
  const { protocol, hostname, username, password } = new URL(url);
  const own = new URL(baseUrl);
  const host = bare(hostname);
  const ownHost = bare(own.hostname);
  if (username !== '' || password !== '') return `its URL at ${host} carries credentials`;
  const isOwnNetwork = await isInOwnNetwork(baseUrl, resolve);
  const allowed = isOwnNetwork ? ['https:', own.protocol] : ['https:'];
  if (!allowed.includes(protocol)) return `its URL at ${host} is ${protocol.slice(0, -1)}, not https`;
  if (hosts !== undefined && host !== ownHost && !hosts.some((pattern) => matches(host, pattern))) {
    return `its host ${host} is none of documentHosts (${hosts.join(', ')})`;
  }
  const addresses = await addressesOf(host, resolve);
  if (isOwnNetwork && host !== ownHost) {
    const keys = addresses.find(isMetadataAddress);
    if (keys !== undefined) return `its host ${host} hands out keys of this machine (${keys})`;
  }
  if (isOwnNetwork) return null;
  const inside = addresses.find(isPrivateAddress);
  return inside === undefined ? null : `its host ${host} is in a private network (${inside})`;
}

function addressesOf(host: string, resolve: Resolve): Promise<readonly string[]> {
  return isIP(host) === 0 ? resolve(host) : Promise.resolve([host]);
}

function bare(hostname: string): string {
  return hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
}

function matches(host: string, pattern: string): boolean {
  const wanted = pattern.toLowerCase();
  return wanted.startsWith('*.') ? host.endsWith(wanted.slice(1)) : host === wanted;
}

/** For connections: a name that was public when it was looked up must not lead inside a moment later. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookupWithCallback(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '');
    const inside = addresses.find(({ address }) => isPrivateAddress(address));
    if (inside !== undefined) {
      const refused = new Error(`${hostname} is in a private network (${inside.address})`);
      return callback(Object.assign(refused, { code: 'PRIVATE_ADDRESS' }), '');
    }
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    return callback(null, first?.address ?? '', first?.family);
  });
};

/** Whether an account's documents may lie in our own network. */
export async function isInOwnNetwork(baseUrl: string, resolve: Resolve = resolveByDns): Promise<boolean> {
  return (await addressesOf(bare(new URL(baseUrl).hostname), resolve)).some(isPrivateAddress);
}
