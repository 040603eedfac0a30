/**
 * `sluice/vendor`: what a vendor is made of, for vendors inside and outside of this repository. A module that the settings
 * name under `plugins` exports what `defineVendor` makes: rules and verdicts, settings of accounts, and the small contracts
 * of what an account can do. See docs/adding-a-vendor.md.
 */

/** The zod that settings are checked with. */
export { z } from 'zod';
export type {
  Charge,
  LimitInstance,
  LimitTemplate,
  LimitWindow,
  Priority,
  Reserve,
} from '../quota/limits/limit';
export type { PoolPolicy } from '../quota/pools/state';
export type { BackoffPolicy, RetryPolicies } from '../quota/retry-delay';
export type { Evidence, Verdict } from '../quota/verdict';
export { parseRetryAfter, parseWaitText } from '../quota/waits';
export {
  commonAccountFields,
  duration,
  httpUrl,
  pathUrl,
  positive,
  type SecretRef,
  secretRef,
  timeZone,
  wholePositive,
} from '../vendors/account-fields';
export type {
  CommandDescription,
  CommandForm,
  CommandResult,
  CommandsApi,
  DeviceCommand,
} from '../vendors/capabilities/commands';
export type { EndUsersApi } from '../vendors/capabilities/end-users';
export type { FleetApi } from '../vendors/capabilities/fleet';
export type {
  DeviceCodeLogin,
  FormLogin,
  GrantApi,
  GrantTokens,
  LoginApi,
} from '../vendors/capabilities/login';
export type { PollingApi, PollingWish } from '../vendors/capabilities/polling';
export type {
  Partition,
  ReportApi,
  ReportDocument,
  ReportRequest,
  ReportStatus,
} from '../vendors/capabilities/reports';
export type { RequestsApi } from '../vendors/capabilities/requests';
export type { StreamApi, StreamMessage } from '../vendors/capabilities/stream';
export type { TextBatchApi } from '../vendors/capabilities/text-batches';
export type { TextApi, TextJob, TextRequest } from '../vendors/capabilities/texts';
export type {
  ReadAnswer,
  ReadDescription,
  ReadParam,
  ReadRequest,
  ReadValue,
  ResourceApi,
  Vehicle,
  VehiclesApi,
} from '../vendors/capabilities/vehicles';
export { checkRules } from '../vendors/conformance/rules';
export type {
  CallAttribute,
  CallInfo,
  CallResult,
  ClientIdentity,
  Deployment,
  LearnedLimit,
  TransportError,
  VendorResponse,
  VendorRules,
} from '../vendors/contract';
export type { DatasetDescription } from '../vendors/dataset';
export {
  type AccountParts,
  type CommonAccount,
  defineVendor,
  type Vendor,
  type VendorDefinition,
  type VendorEnvironment,
  type VendorExample,
  type VendorSimulator,
} from '../vendors/define';
export { VendorError } from '../vendors/definition/problems';
export type { HttpRequest, Parsed } from '../vendors/http';
export { redactNamed } from '../vendors/redact';
