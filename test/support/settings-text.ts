/** Settings as text, read as those of /etc/sluice/sluice.yaml, and what is wrong with them. */
import { parseSettings, type Settings, SettingsError } from '../../settings';

type Env = Readonly<Record<string, string>>;

export const parse = (text: string, env: Env = {}): Settings =>
  parseSettings(text, { file: '/etc/sluice/sluice.yaml', baseDir: '/etc/sluice', env });

/** Problems as `where: what`, or none. */
export function problems(text: string, env: Env = {}): string[] {
  try {
    parse(text, env);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ where, what }) => `${where}: ${what}`);
    throw error;
  }
}

export const ACCOUNT = `
accounts:
  main:
    vendor: amazon
    region: eu
    credentials: { clientId: env:ID, clientSecret: file:secret.txt, refreshToken: vault:amazon/main }
    marketplaces: [A1PA6795UKMFR9]
    currency: EUR
`;
export const DATASET = `${ACCOUNT}
datasets:
  - { dataset: amazon/rt-sales, account: main }
`;
