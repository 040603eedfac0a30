/**
 * Every use case there is, by name. What a face offers (the command line, an HTTP API, a library), it offers by calling
 * these: `await operations.backfills.start(backend, { dataset: 'amazon/rt-sales', from: '2026-11-01', to: '2026-11-02' })`.
 *
 * Each takes an object and checks it against its `input` (operation.ts), throws an `OperationError` for what is wrong
 * (errors.ts), yields a typed result, and says by `json(result)` how that looks as JSON. A backend (backend.ts) gives it
 * the settings and the two servers. None prints, reads the process's arguments or ends it.
 *
 * Beside them: `followWork` (datasets/follow.ts) and `followBatch` (batches/follow.ts) report the progress of work until it ends.
 */
import { createApiKey, listApiKeys, revokeApiKey } from './access/keys';
import {
  cancelBatch,
  exportBatchItems,
  listBatches,
  pauseBatch,
  resumeBatch,
  retryFailedItems,
  showBatch,
  skipItems,
} from './batches/batches';
import { pageItems } from './batches/items';
import { planBatchFromRows, startBatchFromRows, startBatchFromUpload } from './batches/rows';
import { planBatch, startBatch } from './batches/start';
import {
  cancelBackfill,
  listBackfills,
  pauseBackfill,
  resumeBackfill,
  showBackfill,
  startAudit,
  startBackfill,
} from './datasets/backfills';
import { showCoverage } from './datasets/completeness/coverage';
import {
  acceptDoubtedHours,
  listDoubts,
  listFailedWindows,
  listSetAsideRows,
} from './datasets/completeness/windows';
import { exportDataset } from './datasets/export';
import { listAccounts, listDatasets, showAccount } from './datasets/list';
import { planBackfill } from './datasets/plans';
import { pageRows } from './datasets/rows';
import { listSyncs, pauseSync, resumeSync, startSync, stopSync } from './datasets/syncs';
import { examineMachine } from './diagnosis/doctor';
import { readStatus } from './diagnosis/status';
import { pageEvents } from './events/events';
import { explainWork } from './explain/explain';
import { cancelCommand, listSentCommands, sendCommand, showCommand } from './fleet/device-commands';
import { cancelLogin, listLogins, showLogin, startLogin } from './logins/logins';
import { authenticateEndUser } from './logins/user-auth';
import { planPollingDay } from './polling/plan';
import { listPolling, pausePolling, resumePolling, startPolling, stopPolling } from './polling/runs';
import { changeLimit, listLimitsOf, resetLimit, showLimit } from './pools/limits';
import {
  listEventsOf,
  listPools,
  pausePool,
  resetLimits,
  resumePool,
  showPool,
  unblockLimits,
} from './pools/pools';
import { workersRun } from './processes/workers';
import { pruneOld } from './prune';
import { deleteSecret, listSecrets, putSecret, rotateVault } from './secrets/vault';
import { publishSettings } from './settings/publish';
import { listStreamsOf } from './streams/streams';
import { listVehicles, readVehicle, refreshVehicles, showVehicle } from './vehicles/vehicles';

export const operations = {
  backfills: {
    plan: planBackfill,
    start: startBackfill,
    list: listBackfills,
    show: showBackfill,
    pause: pauseBackfill,
    resume: resumeBackfill,
    cancel: cancelBackfill,
  },
  audits: { start: startAudit },
  polling: {
    plan: planPollingDay,
    start: startPolling,
    stop: stopPolling,
    pause: pausePolling,
    resume: resumePolling,
    list: listPolling,
  },
  syncs: { start: startSync, stop: stopSync, pause: pauseSync, resume: resumeSync, list: listSyncs },
  datasets: {
    list: listDatasets,
    rows: pageRows,
    coverage: showCoverage,
    export: exportDataset,
    failed: listFailedWindows,
    doubts: listDoubts,
    acceptDoubts: acceptDoubtedHours,
    setAside: listSetAsideRows,
  },
  batches: {
    plan: planBatch,
    start: startBatch,
    planFromRows: planBatchFromRows,
    startFromRows: startBatchFromRows,
    startFromUpload: startBatchFromUpload,
    items: pageItems,
    list: listBatches,
    show: showBatch,
    pause: pauseBatch,
    resume: resumeBatch,
    cancel: cancelBatch,
    skip: skipItems,
    retryFailed: retryFailedItems,
    export: exportBatchItems,
  },
  streams: { list: listStreamsOf },
  logins: { start: startLogin, list: listLogins, show: showLogin, cancel: cancelLogin },
  commands: {
    send: sendCommand,
    list: listSentCommands,
    show: showCommand,
    cancel: cancelCommand,
  },
  pools: {
    list: listPools,
    show: showPool,
    pause: pausePool,
    resume: resumePool,
    unblock: unblockLimits,
    resetLimits,
  },
  limits: { list: listLimitsOf, show: showLimit, change: changeLimit, reset: resetLimit },
  keys: { create: createApiKey, list: listApiKeys, revoke: revokeApiKey },
  vehicles: { list: listVehicles, refresh: refreshVehicles, show: showVehicle, read: readVehicle },
  events: { list: listEventsOf, page: pageEvents },
  users: { authenticate: authenticateEndUser },
  vault: { put: putSecret, list: listSecrets, delete: deleteSecret, rotate: rotateVault },
  retention: { prune: pruneOld },
  accounts: { list: listAccounts, show: showAccount },
  workers: { run: workersRun },
  settings: { publish: publishSettings },
  system: { explain: explainWork, status: readStatus, doctor: examineMachine },
} as const;
