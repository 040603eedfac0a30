import {
  isPrivateAddress,
  publicLookup,
  whyNotFetched,
} from '../../../../../activities/gateway/http/document-address';

const AMAZON = { baseUrl: 'https://sellingpartnerapi-eu.amazon.com' };
const SIMULATOR = { baseUrl: 'http://127.0.0.1:4010' };
const names: Record<string, string[]> = {
  'sellingpartnerapi-eu.amazon.com': ['52.95.114.1'],
  'tortuga-prod-eu.s3-eu-west-1.amazonaws.com': ['52.218.1.1', '2a05:d018::1'],
  'rebound.example': ['93.184.216.34', '10.0.0.8'],
  'internal.example': ['fd00::8'],
  simulator: ['172.18.0.3'],
  'keys.example': ['169.254.169.254'],
};
const resolve = (host: string) => Promise.resolve(names[host] ?? []);

test.each([
  ['127.0.0.1'],
  ['127.8.9.1'],
  ['10.1.2.3'],
  ['172.31.255.255'],
  ['192.168.0.1'],
  ['169.254.169.254'],
  ['100.64.0.1'],
  ['0.0.0.0'],
  ['224.0.0.1'],
  ['255.255.255.255'],
  ['::'],
  ['::1'],
  ['fe80::1'],
  ['fec0::1'],
  ['fd12::1'],
  ['ff02::1'],
  ['::ffff:10.0.0.1'],
  ['::ffff:a9fe:a9fe'],
  ['64:ff9b::7f00:1'],
  ['2002:7f00:1::'],
  ['2001:0:7f00:1::1'],
  ['no address'],
])('%s is no address of the Internet', (address) => {
  expect(isPrivateAddress(address)).toBe(true);
});

test.each([
  ['8.8.8.8'],
  ['172.32.0.1'],
  ['100.128.0.1'],
  ['2a05:d018::1'],
  ['::ffff:8.8.8.8'],
  ['64:ff9b::808:808'],
])('%s is one', (address) => {
  expect(isPrivateAddress(address)).toBe(false);
});

test.each([
  ['http://tortuga-prod-eu.s3-eu-west-1.amazonaws.com/x?X=k', 'is http, not https'],
  ['file:///etc/passwd', 'is file, not https'],
  ['no url', 'its URL is none'],
  ['https://me:pass@tortuga-prod-eu.s3-eu-west-1.amazonaws.com/x', 'carries credentials'],
  ['https://169.254.169.254/latest/meta-data', '169.254.169.254 is in a private network'],
  ['https://0x7f.1/x', '127.0.0.1 is in a private network'],
  ['https://2130706433/x', '127.0.0.1 is in a private network'],
  ['https://[::ffff:127.0.0.1]/x', 'is in a private network'],
  ['https://rebound.example/x?key=secret', 'rebound.example is in a private network (10.0.0.8)'],
  ['https://internal.example./x', 'internal.example is in a private network (fd00::8)'],
])('nothing is fetched from %s', async (url, why) => {
  const said = await whyNotFetched(url, AMAZON, resolve);
  expect(said).toContain(why);
  expect(said).not.toMatch(/secret|pass@|X=k/);
});

test('a document of the vendor is fetched, and only from the hosts that are listed, where some are', async () => {
  const url = 'https://tortuga-prod-eu.s3-eu-west-1.amazonaws.com/x';
  expect(await whyNotFetched(url, AMAZON, resolve)).toBeNull();
  expect(await whyNotFetched(url, { ...AMAZON, hosts: ['*.amazonaws.com'] }, resolve)).toBeNull();
  expect(await whyNotFetched(url, { ...AMAZON, hosts: ['*.example.com'] }, resolve)).toContain(
    'none of documentHosts',
  );
  const lookalike = 'https://evilamazonaws.com/x';
  expect(await whyNotFetched(lookalike, { ...AMAZON, hosts: ['*.amazonaws.com'] }, resolve)).toContain(
    'none of',
  );
});

test.each([[SIMULATOR], [{ baseUrl: 'http://simulator:4010' }]])(
  'an account whose own base URL is in our network has its documents there (%j)',
  async (policy) => {
    expect(await whyNotFetched('http://127.0.0.1:4011/document?k=1', policy, resolve)).toBeNull();
    expect(await whyNotFetched('http://simulator:4010/document?k=1', policy, resolve)).toBeNull();
    for (const host of [
      '169.254.169.254',
      '0xa9fea9fe',
      '[::ffff:169.254.169.254]',
      '[fd00:ec2::254]',
      'keys.example',
    ])
      expect(await whyNotFetched(`http://${host}/latest`, policy, resolve)).toContain('keys of this machine');
    expect(await whyNotFetched('ftp://simulator/document', policy, resolve)).toContain('is ftp, not https');
  },
);

test('a connection by name to this machine is refused when it is made', async () => {
  const refused = await new Promise((done) =>
    publicLookup('localhost', { all: true }, (error) => done(error)),
  );
  expect(refused).toMatchObject({ code: 'PRIVATE_ADDRESS' });
});
