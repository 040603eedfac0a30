/** Types of the HTTP API, made from sluice.openapi.json by scripts/api-types.mjs. */
export interface paths {
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** the process answers */
        get: operations["isAlive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Postgres answers, so requests can be served */
        get: operations["isReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * what runs, and what it does
         * @description Scope: read
         */
        get: operations["showStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/doctor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * check this machine, the settings and what they name
         * @description Scope: admin
         */
        get: operations["runDoctor"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * whether a worker takes work
         * @description Scope: read
         */
        get: operations["showWorkers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * accounts of the settings
         * @description Scope: read
         */
        get: operations["listAccounts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/accounts/{account}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * one account of the settings; never its secrets
         * @description Scope: read
         */
        get: operations["showAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pools": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * every quota pool: state, until when and why, and what is left
         * @description Scope: read
         */
        get: operations["listPools"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pools/{pool}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * state, limits, who spent what share in the last hour and day, and calls a minute
         * @description Scope: read
         */
        get: operations["showPool"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pools/{pool}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * stop every call of a pool
         * @description Scope: operate
         */
        post: operations["pausePool"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pools/{pool}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * let calls go again, those of its organization too when that is held; the first one is a probe
         * @description Scope: operate
         */
        post: operations["resumePool"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pools/{pool}/unblock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * end the waits that the vendor has asked for of its limits (Retry-After), before their time
         * @description Scope: operate
         */
        post: operations["unblockPool"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/limits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * limits of a pool or of all: size, use, when they reset, who has set them
         * @description Scope: read
         */
        get: operations["listLimits"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pools/{pool}/limits/{limit}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * a limit, and what operators have changed of it
         * @description Scope: read
         */
        get: operations["showLimit"];
        /**
         * change a limit while everything runs: it holds for every process, over its settings, until it is reset
         * @description Scope: operate
         */
        put: operations["changeLimit"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pools/{pool}/limits/{limit}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * end such a change: the settings hold again
         * @description Scope: operate
         */
        post: operations["resetLimit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pools/{pool}/reset-times": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * put back times of its limits that lie in the future of the database's clock
         * @description Scope: operate
         */
        post: operations["resetTimes"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * datasets of the settings
         * @description Scope: read
         */
        get: operations["listDatasets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/coverage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * which windows are in, and which are not
         * @description Scope: read
         */
        get: operations["showCoverage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/rows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * rows that begin in a span, page by page; amounts are decimal strings
         * @description Scope: read
         */
        get: operations["listRows"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * rows as CSV or JSON Lines
         * @description Scope: read
         */
        get: operations["exportRows"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/failed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * windows that failed: why, how often, and when each is tried again
         * @description Scope: read
         */
        get: operations["listFailedWindows"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/doubts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * hours for which the vendor has reported far fewer rows than are known; the known rows stay until it is certain
         * @description Scope: read
         */
        get: operations["listDoubts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/doubts/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * accept what the vendor reports of a span: its next answer, which is asked for soon, counts
         * @description Scope: operate
         */
        post: operations["acceptDoubts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/set-aside": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * rows of documents that could not be used, and why; the latest first
         * @description Scope: read
         */
        get: operations["listSetAsideRows"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * calls, the limit that binds, and when it would be done
         * @description Scope: read
         */
        post: operations["planBackfill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/backfills": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * fetch what is missing of a span
         * @description Scope: operate
         */
        post: operations["startBackfill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/audits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * fetch a span again, for the vendor may have restated it
         * @description Scope: operate
         */
        post: operations["startAudit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/sync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * start it; one that runs goes on
         * @description Scope: operate
         */
        post: operations["startSync"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/sync/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * end it; what is fetched stays, and a later start goes on from there
         * @description Scope: operate
         */
        post: operations["stopSync"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/sync/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * take nothing new up until it is resumed
         * @description Scope: operate
         */
        post: operations["pauseSync"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{vendor}/{name}/sync/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * go on
         * @description Scope: operate
         */
        post: operations["resumeSync"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/syncs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * every dataset of the settings, and what its sync does
         * @description Scope: read
         */
        get: operations["listSyncs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backfills": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * backfills and audits that run, and what they wait for
         * @description Scope: read
         */
        get: operations["listBackfills"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backfills/{backfill}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * one backfill or audit that runs: how far it is, and what it waits for
         * @description Scope: read
         */
        get: operations["showBackfill"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backfills/{backfill}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * take nothing new up until it is resumed; what is under way is finished
         * @description Scope: operate
         */
        post: operations["pauseBackfill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backfills/{backfill}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * go on
         * @description Scope: operate
         */
        post: operations["resumeBackfill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backfills/{backfill}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * end it; what is fetched stays, and a later start goes on from there
         * @description Scope: operate
         */
        post: operations["cancelBackfill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * every batch
         * @description Scope: read
         */
        get: operations["listBatches"];
        put?: never;
        /**
         * work on rows; the same rows again go on where they stood
         * @description Scope: operate
         */
        post: operations["startBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * what would bind it and when it would be done; calls and stores nothing
         * @description Scope: read
         */
        post: operations["planBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches/upload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * work on the rows of a CSV file, which is the body
         * @description Scope: operate
         */
        post: operations["uploadBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches/reference": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * work on a file that this server can read, by its path
         * @description Scope: admin
         */
        post: operations["startBatchFromFile"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches/{batch}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * one batch: what is done, what waits and why
         * @description Scope: read
         */
        get: operations["showBatch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches/{batch}/results": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * write what has ended so far as JSONL; also while it runs
         * @description Scope: read
         */
        get: operations["exportBatch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches/{batch}/items": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * items in the order of the input, page by page; those that failed say why
         * @description Scope: read
         */
        get: operations["listBatchItems"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches/{batch}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * begin no more calls until it is resumed
         * @description Scope: operate
         */
        post: operations["pauseBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches/{batch}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * go on
         * @description Scope: operate
         */
        post: operations["resumeBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches/{batch}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * end it; what is answered stays, and resume goes on
         * @description Scope: operate
         */
        post: operations["cancelBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches/{batch}/skip": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * ask no more for these items; retry-failed takes them in again
         * @description Scope: operate
         */
        post: operations["skipBatchItems"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/batches/{batch}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * ask again for what has failed or was skipped: all of it, or these items
         * @description Scope: operate
         */
        post: operations["retryBatchItems"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/commands": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * the latest commands, newest first
         * @description Scope: read
         */
        get: operations["listCommands"];
        put?: never;
        /**
         * send a command to a device
         * @description Scope: operate
         */
        post: operations["sendCommand"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/commands/{command}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * one command, by its number or its id
         * @description Scope: read
         */
        get: operations["showCommand"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/commands/{command}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * call it back; once it has been sent that is not possible
         * @description Scope: operate
         */
        post: operations["cancelCommand"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/authenticate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * check an end user's own credentials, and list the devices that the user sees
         * @description Scope: operate
         */
        post: operations["authenticateUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vehicles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * the vehicles of an account, or of all; the vendor is asked when its list is too old
         * @description Scope: read
         */
        get: operations["listVehicles"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vehicles/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * ask the vendor for the vehicles of an account now
         * @description Scope: operate
         */
        post: operations["refreshVehicles"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vehicles/{vehicle}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * one vehicle, and what is stored of it; asks nobody
         * @description Scope: read
         */
        get: operations["showVehicle"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vehicles/{vehicle}/reads/{read}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * what a vehicle says, from what is stored or by a call where that is too old
         * @description Scope: read
         */
        get: operations["readVehicle"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/logins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * who is logged in since when and until when, and who has to log in
         * @description Scope: read
         */
        get: operations["listLogins"];
        put?: never;
        /**
         * log in to an account, by a code that a person enters or by what a person enters here
         * @description Scope: admin
         */
        post: operations["startLogin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/logins/{login}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * one login, by its number
         * @description Scope: read
         */
        get: operations["showLogin"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/logins/{login}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * wait for a login no longer
         * @description Scope: admin
         */
        post: operations["cancelLogin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plans/polling": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * what polling would call within a day, when, and how fresh answers become by it; asks nobody
         * @description Scope: read
         */
        get: operations["showPollingPlan"];
        put?: never;
        /**
         * what polling would call within a day, when, and how fresh answers become by it; asks nobody
         * @description Scope: read
         */
        post: operations["planPolling"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/polling": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * every account that is polled, and what is next
         * @description Scope: read
         */
        get: operations["listPolling"];
        put?: never;
        /**
         * keep an account's vehicles fresh by the plan; one that runs goes on
         * @description Scope: operate
         */
        post: operations["startPolling"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/polling/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * end it; what was read stays
         * @description Scope: operate
         */
        post: operations["stopPolling"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/polling/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * ask for nothing until it is resumed
         * @description Scope: operate
         */
        post: operations["pausePolling"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/polling/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * go on
         * @description Scope: operate
         */
        post: operations["resumePolling"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/permits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * leave for one call that the caller sends itself, charged to every limit that it falls under, or none
         * @description Scope: operate
         */
        post: operations["takePermit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/calls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * a request to an account's vendor, with the account's credentials and within its limits
         * @description Scope: operate
         */
        post: operations["callVendor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/permits/{id}/outcome": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * what came of a call that was sent with a permit, and what to do next
         * @description Scope: operate
         */
        post: operations["reportOutcome"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * overall health, with the quota, the breaker and the name that the vendor counts calls by
         * @description Scope: read
         */
        get: operations["readHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * figures of calls and pools, as JSON or as Prometheus reads them
         * @description Scope: read
         */
        get: operations["readMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/vendor-realtime-sales/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * fetch the last hours of the dataset that the settings name for this endpoint
         * @description Scope: operate
         */
        post: operations["refreshSales"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * a vehicle and its latest values, for the user with these credentials
         * @description Scope: operate
         */
        post: operations["showOwnVehicle"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/vendor-realtime-sales/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * what is known of that dataset, from the database alone
         * @description Scope: read
         */
        get: operations["summarizeSales"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * what happened, newest first, page by page
         * @description Scope: read
         */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * events as they happen (Server-Sent Events); Last-Event-ID brings those that were missed
         * @description Scope: read
         */
        get: operations["followEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/explain/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * why a piece of work is where it is, and where its time has gone
         * @description Scope: read
         */
        get: operations["explainWork"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * keys of the HTTP API: whose, what they may, and when they were last used; never the keys themselves
         * @description Scope: admin
         */
        get: operations["listKeys"];
        put?: never;
        /**
         * make a key for the HTTP API; it is shown this once
         * @description Scope: admin
         */
        post: operations["createKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * refuse a key from now on
         * @description Scope: admin
         */
        delete: operations["revokeKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vault": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * names, never values
         * @description Scope: admin
         */
        get: operations["listSecrets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vault/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * store the value under the name; pools that were held for refused credentials try the new ones
         * @description Scope: admin
         */
        put: operations["putSecret"];
        post?: never;
        /**
         * remove an entry
         * @description Scope: admin
         */
        delete: operations["deleteSecret"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vault-rotation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * encrypt everything with the newest key, and say which older ones are still needed
         * @description Scope: admin
         */
        post: operations["rotateVault"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/settings/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * make these settings define pools, organizations and limits, even over settings that were published later
         * @description Scope: admin
         */
        post: operations["publishSettings"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/prune": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * delete what is older than the settings keep (retention); workers do so every few hours
         * @description Scope: admin
         */
        post: operations["prune"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description RFC 9457 */
        Problem: {
            /** @description `urn:sluice:problem:` and the code */
            type: string;
            title: string;
            status: number;
            detail: string;
            /**
             * @description Stable: programs may depend on it
             * @enum {string}
             */
            code: "INVALID_INPUT" | "MISSING_INPUT" | "UNKNOWN_FIELD" | "UNKNOWN_NAME" | "AMBIGUOUS_NAME" | "NOT_APPLICABLE" | "ID_TAKEN" | "NOT_FOUND" | "NOT_RUNNING" | "TOO_LATE" | "BUSY" | "ALREADY_REPORTED" | "LOGIN_NEEDS_CAPTCHA" | "LOGIN_REFUSED" | "OTHER_USER" | "WRONG_CREDENTIALS" | "LIMIT_REACHED" | "QUOTA_PAUSED" | "POOL_STOPPED" | "NO_ANSWER" | "NO_WORKER" | "NO_SERVER" | "DATABASE_UNAVAILABLE" | "NO_SCHEMA" | "TEMPORAL_UNAVAILABLE" | "ANSWER_TOO_LARGE" | "FILE" | "FAILED" | "BAD_REQUEST" | "UNAUTHENTICATED" | "FORBIDDEN" | "NO_SUCH_ROUTE" | "METHOD_NOT_ALLOWED" | "TOO_SLOW" | "IN_FLIGHT" | "TOO_LARGE" | "UNSUPPORTED_MEDIA_TYPE" | "KEY_REUSED" | "TOO_MANY_REQUESTS" | "HEADERS_TOO_LARGE" | "INTERNAL" | "OVERLOADED" | "NOT_SET_UP";
            /** @description JSON pointer into the body, or the name of a parameter */
            field: string | null;
            limit: string | null;
            /** Format: date-time */
            until: string | null;
            requestId: string;
            /** @description When several things are wrong: all of them */
            errors?: {
                code?: string;
                field?: string | null;
                detail?: string;
            }[];
            /** @description What lets no call of the pool through. Where only a person ends it, `until` is null */
            stop?: {
                pool: string;
                state: string;
                /** Format: date-time */
                since: string;
                reason: string;
                /** @description The operator who has paused it */
                by: string | null;
            };
            /** @description A vendor's answer that is not handed on: the call was made, and counts */
            answer?: {
                /** @description Null: it was not read to its end */
                status: number | null;
                /** @description Bytes, as far as it was read */
                size: number;
                /** @description Bytes that are handed on at most */
                maxSize: number;
                verdict: string;
                /** @description As in an outcome */
                next: string;
                /** @description Null: only a person ends the stop */
                waitMs: number | null;
                requestId: string | null;
            };
        };
        Status: {
            worker: {
                runs: boolean;
            } | {
                problem: string;
            };
            pools: {
                pool: string;
                client: string | null;
                /** @enum {string} */
                state: "closed" | "quota_paused" | "open" | "half_open" | "held";
                since: string | null;
                until: string | null;
                reason: string;
                strikes: number;
                stops: {
                    operation: string;
                    subject: string;
                    /** @description What part of the subject alone is stopped; empty for all of it */
                    part: string;
                    since: string | null;
                    until: string | null;
                    reason: string;
                    strikes: number;
                }[];
                organization: {
                    pool: string;
                    foundBy: string | null;
                } | null;
                blockedLimits: {
                    name: string;
                    until: string | null;
                    reason: string;
                }[];
            }[] | {
                problem: string;
            };
            batches: components["schemas"]["Batch"][] | {
                problem: string;
            };
            backfills: components["schemas"]["Run"][] | {
                problem: string;
            };
            syncs: components["schemas"]["Sync"][] | {
                problem: string;
            };
            polling: components["schemas"]["PollingRun"][] | {
                problem: string;
            };
            streams: {
                account: string;
                /** @enum {string} */
                state: "waiting" | "connected" | "silent";
                reason: string;
                held: boolean;
                messages: number;
                connectedAt: string | null;
                continuousSince: string | null;
                messageAt: string | null;
                retryAt: string | null;
            }[] | {
                problem: string;
            };
            troubles: {
                what: string;
                why: string;
                since: string | null;
                frees: string;
            }[] | {
                problem: string;
            };
        };
        Batch: {
            pending: number;
            running: number;
            retry: number;
            done: number;
            failed: number;
            id: number;
            kind: string;
            account: string;
            model: string;
            inputName: string;
            /** @enum {string} */
            priority: "interactive" | "live" | "scheduled" | "background";
            /** @enum {string} */
            via: "responses" | "batch-api";
            items: number;
            state: string;
            reason: string;
            waits: components["schemas"]["Wait"] | null;
            createdAt: string | null;
            nextDueAt: string | null;
        };
        Wait: {
            what: string;
            why: string;
            since: string | null;
            until: string | null;
            frees: string;
        };
        Run: {
            workflowId: string;
            running: boolean;
            status: components["schemas"]["WorkStatus"] | null;
            problem: string | null;
            wait: components["schemas"]["Wait"] | null;
        };
        WorkStatus: {
            /** @enum {string} */
            phase: "starting" | "running" | "waiting for quota" | "paused" | "sleeping" | "done" | "failed";
            detail: string;
            until: string | null;
            since: string | null;
            chunksTotal: number;
            chunksDone: number;
            chunksFailed: number;
            rows: number;
            problems: string[];
        };
        Sync: {
            workflowId: string;
            running: boolean;
            status: components["schemas"]["WorkStatus"] | null;
            problem: string | null;
            dataset: string;
            account: string;
            enabled: boolean;
            schedule: components["schemas"]["Schedule"] | null;
            wait: components["schemas"]["Wait"] | null;
        };
        Schedule: {
            id: string;
            paused: boolean;
            note: string;
            changedAt: string | null;
            intervalMs: number | null;
            nextRunAt: string | null;
            running: boolean;
            lastRun: {
                workflowId: string;
                at: string | null;
                /** @enum {string} */
                status: "running" | "done" | "failed" | "unknown";
                result: {
                    /** @enum {string} */
                    outcome: "done" | "skipped" | "stopped";
                    detail: string;
                    counts: {
                        [key: string]: number;
                    };
                } | null;
                problem: string | null;
            } | null;
        };
        PollingRun: {
            workflowId: string;
            running: boolean;
            status: components["schemas"]["WorkStatus"] | null;
            problem: string | null;
            account: string;
        };
        Account: {
            account: string;
            vendor: string;
            enabled: boolean;
            pool: string;
            organization: string | null;
            datasets: string[];
            limits: string[];
        };
        Pool: {
            pool: string;
            account: string;
            client: string | null;
            /** @enum {string} */
            state: "closed" | "quota_paused" | "open" | "half_open" | "held";
            since: string | null;
            until: string | null;
            reason: string;
            strikes: number;
            failures: number;
            hint: string | null;
            quotaRetries: {
                inARow: number;
                total: number;
            };
            evidence: components["schemas"]["Evidence"] | null;
            organization: {
                pool: string;
                /** @enum {string} */
                state: "closed" | "quota_paused" | "open" | "half_open" | "held";
                pools: string[];
                foundBy: string | null;
            } | null;
            stops: {
                operation: string;
                subject: string;
                /** @description What part of the subject alone is stopped; empty for all of it */
                part: string;
                since: string | null;
                until: string | null;
                reason: string;
                strikes: number;
                refusedFor: ("quota" | "access") | null;
                hint: string | null;
                evidence: components["schemas"]["Evidence"] | null;
            }[];
            limits: components["schemas"]["Limit"][];
            quota: components["schemas"]["Quota"];
            callsLastHour: {
                operation: string;
                caller: string;
                verdict: string;
                calls: number;
            }[];
            spentLastHour: {
                caller: string;
                operation: string;
                calls: number;
                percent: number;
            }[];
            spentLastDay: {
                caller: string;
                operation: string;
                calls: number;
                percent: number;
            }[];
            callsPerMinute: {
                callers: {
                    name: string;
                    perMinute: number | null;
                    busiest: number | null;
                }[];
                limits: {
                    name: string;
                    perMinute: number | null;
                    busiest: number | null;
                }[];
            };
        };
        Evidence: {
            vendor: string;
            account: string;
            operation: string;
            subject?: string;
            caller?: string;
            httpStatus?: number;
            code?: string;
            message?: string;
            requestId?: string;
        };
        Limit: {
            name: string;
            key: string;
            pools: string[];
            /** @enum {string} */
            unit: "calls" | "tokens";
            used: number;
            limit: number;
            left: number;
            ratePerSecond: number | null;
            resetsAt: string | null;
            blockedUntil: string | null;
            blockedReason: string;
            source: string;
            /** @enum {string} */
            mode: "enforce" | "shadow";
            shadowOver: number;
            override: {
                author: string;
                reason: string;
                /** Format: date-time */
                at: string;
            } | null;
        };
        Quota: {
            requests: {
                remaining: number;
                limit: number;
                resetsAt: string | null;
            } | null;
            tokens: {
                remaining: number;
                limit: number;
                resetsAt: string | null;
            } | null;
            usePercent: number | null;
            use: number | null;
            usedToday: number;
            dailyLimit: number | null;
            shouldPause: boolean;
            reason: string;
            pausesUntil: string | null;
        };
        PoolOrder: {
            pool: string;
            before: ("closed" | "quota_paused" | "open" | "half_open" | "held") | null;
            state: ("closed" | "quota_paused" | "open" | "half_open" | "held") | null;
            until: string | null;
            reason: string | null;
            pools: string[];
            freed: string[];
            organization: {
                pool: string;
                before: ("closed" | "quota_paused" | "open" | "half_open" | "held") | null;
                state: ("closed" | "quota_paused" | "open" | "half_open" | "held") | null;
                until: string | null;
                reason: string | null;
                pools: string[];
                freed: string[];
            } | null;
            blockedLimits: {
                name: string;
                key: string;
                until: string | null;
                reason: string;
            }[];
            unreached: string[];
            stoppedBy: string | null;
        };
        LimitOverride: {
            id: number;
            pool: string;
            name: string;
            key: string | null;
            change: {
                capacity: number | null;
                ratePerSecond: number | null;
                mode: ("enforce" | "shadow") | null;
            };
            author: string;
            reason: string;
            at: string | null;
            endedAt: string | null;
            endedBy: string | null;
        };
        Coverage: {
            from: string | null;
            to: string | null;
            windows: number;
            done: number;
            rows: number;
            gaps: {
                from: string | null;
                to: string | null;
                partition: {
                    [key: string]: string;
                } | null;
            }[];
            states: {
                done: number;
                emptyProvisional: number;
                requested: number;
                failed: number;
                missing: number;
            };
            lastAudit: {
                daily: string | null;
                weekly: string | null;
            };
            series: {
                partition: {
                    [key: string]: string;
                };
                windows: number;
                done: number;
                rows: number;
                gaps: number;
                lastAudit: {
                    daily: string | null;
                    weekly: string | null;
                };
            }[];
        } | {
            devices: number;
            located: number;
            oldest: string | null;
            newest: string | null;
            listedAt: string | null;
            readAt: string | null;
        };
        BackfillPlan: {
            chunks: number;
            /** @enum {string} */
            priority: "interactive" | "live" | "scheduled" | "background";
            calls: {
                [key: string]: {
                    min: number;
                    max: number;
                };
            };
            binding: {
                limit: string;
                operation: string;
                waitMs: number;
            } | null;
            earliestFinish: string | null;
            latestFinish: string | null;
            earliestMs: number | null;
            latestMs: number | null;
            reportMs: {
                min: number;
                max: number;
            };
            /** @enum {string} */
            reportSource: "given" | "measured" | "usual";
            pausedUntil: string | null;
            held: boolean;
            limits: {
                name: string;
                used: number;
                left: number;
                share: number;
            }[];
        } | {
            from: string | null;
            to: string | null;
            devices: number;
            operation: string;
            /** @enum {string} */
            priority: "interactive" | "live" | "scheduled" | "background";
            calls: number;
            callsADevice: number | null;
            callsADay: number;
            liveADay: number;
            days: number | null;
            finish: string | null;
            finishMs: number | null;
            binding: {
                limit: string;
                days: number | null;
            } | null;
            shared: {
                name: string;
                perDay: number;
                leftToday: number | null;
            }[];
            pausedUntil: string | null;
            held: boolean;
        };
        StartedBatch: {
            batch: number;
            items: number;
            /** @enum {string} */
            via: "responses" | "batch-api";
            counts: {
                pending: number;
                running: number;
                retry: number;
                done: number;
                failed: number;
                nextDueAt: string | null;
            };
            input: components["schemas"]["BatchInput"];
            workflowId: string;
            goesOn: boolean;
            workerRuns: boolean;
            changes: {
                name: string;
                before: unknown;
                after: unknown;
            }[];
            delivery: {
                /** @enum {string} */
                to: "responses" | "batch-api";
                cancelled: {
                    files: number;
                    items: number;
                };
            } | null;
            voidTerms: {
                /** @enum {string} */
                term: "quotaThreshold" | "dailyLimit";
                value: number;
                why: string;
            }[];
        };
        BatchInput: {
            columns: string[];
            items: number;
            badRows: {
                count: number;
                first: {
                    line: number;
                    reason: string;
                }[];
            };
            comments: {
                count: number;
                firstLine: number;
            };
            asksTheSame: boolean;
        };
        BatchPlan: {
            items: number;
            input: components["schemas"]["BatchInput"];
            tokensPerItem: number;
            /** @enum {string} */
            priority: "interactive" | "live" | "scheduled" | "background";
            constraints: {
                name: string;
                ms: number | null;
            }[];
            binding: string;
            ms: number | null;
            endsAt: string | null;
            pauses: number;
            concurrency: {
                most: number;
                needed: number | null;
            };
            latencyMs: {
                min: number;
                max: number;
            };
            /** @enum {string} */
            via: "responses" | "batch-api";
            batchApi: {
                price: {
                    currency: string;
                    responses: number;
                    batchApi: number;
                    saved: number;
                } | null;
                files: number;
                tokens: number;
                enqueuedTokens: number | null;
                rounds: number | null;
                priceShare: number;
            } | null;
            itemsADay: number | null;
            voidTerms: {
                /** @enum {string} */
                term: "quotaThreshold" | "dailyLimit";
                value: number;
                why: string;
            }[];
            requests: {
                [key: string]: unknown;
            }[];
        };
        BatchDetails: {
            pending: number;
            running: number;
            retry: number;
            done: number;
            failed: number;
            id: number;
            kind: string;
            account: string;
            model: string;
            inputName: string;
            /** @enum {string} */
            priority: "interactive" | "live" | "scheduled" | "background";
            /** @enum {string} */
            via: "responses" | "batch-api";
            items: number;
            state: string;
            reason: string;
            waits: components["schemas"]["Wait"] | null;
            createdAt: string | null;
            nextDueAt: string | null;
            options: {
                maxOutputTokens: number | null;
                maxConcurrency: number | null;
                quotaThreshold?: number;
                dailyLimit?: number;
                pauseHours?: number;
                quotaMonitoring?: boolean;
                logInterval?: number;
            };
            quota: components["schemas"]["Quota"];
            pool: {
                /** @enum {string} */
                state: "closed" | "quota_paused" | "open" | "half_open" | "held";
                reason: string;
            } | null;
            problems: {
                reason: string;
                n: number;
            }[];
            vendorBatches: {
                part: number;
                vendorBatch: string | null;
                /** @enum {string} */
                state: "cutting" | "cut" | "uploaded" | "creating" | "created" | "ended" | "settled";
                status: string;
                note: string;
                items: number;
                bytes: number;
                tokens: number;
                counts: {
                    total: number;
                    completed: number;
                    failed: number;
                };
                files: {
                    input: string | null;
                    output: string | null;
                    errors: string | null;
                };
                createdAt: string | null;
                expiresAt: string | null;
            }[];
        };
        Command: {
            id: number;
            account: string;
            requestId: string | null;
            device: string;
            code: string;
            params: string[];
            repeatable: boolean;
            timeoutMs: number;
            waitForPool: boolean;
            askedBy: string;
            /** @enum {string} */
            state: "created" | "sending" | "queued" | "succeeded" | "failed" | "cancelled" | "unknown";
            attempts: number;
            vendorCommandId: string | null;
            resultName: string | null;
            resultCode: string | null;
            resultMessage: string | null;
            overdue: boolean;
            createdAt: string | null;
            sentAt: string | null;
            endedAt: string | null;
        };
        UserAnswer: {
            /** @constant */
            kind: "ok";
            devices: {
                deviceId: string;
                name: string;
                group: string;
            }[];
            acceptedAt: string | null;
        } | {
            /** @constant */
            kind: "refused";
            message: string;
            code: string;
        } | {
            /** @enum {string} */
            kind: "limited" | "closed";
            message: string;
            until: string | null;
        } | {
            /** @constant */
            kind: "unavailable";
            message: string;
        };
        Stale: {
            /** @enum {string} */
            cause: "quota" | "limit" | "pool" | "failed" | "refused" | "asking";
            reason: string;
            until: string | null;
            pool?: string;
            limit?: string;
            requestId?: string;
        };
        Vehicle: {
            account: string;
            vehicleId: string;
            name: string;
            brand: string;
            model: string;
            driveTrain: ("combustion" | "plug-in hybrid" | "electric" | "other") | null;
            readable: boolean;
            listedAt: string | null;
            details: {
                [key: string]: unknown;
            };
        };
        ReadAnswer: {
            account: string;
            vehicleId: string;
            read: string;
            params: {
                [key: string]: string | number;
            };
            freshAt: string | null;
            ageMs: number;
            /** @enum {string} */
            source: "call" | "polling" | "stream" | "live";
            requestId: string | null;
            /** @enum {string} */
            servedFrom: "call" | "database" | "memory";
            stale: components["schemas"]["Stale"] | null;
            values: {
                [key: string]: {
                    /** @enum {string} */
                    state: "value" | "null" | "not-available";
                    value: unknown;
                    unit: string | null;
                    at: string | null;
                    receivedAt: string | null;
                    changedAt: string | null;
                    /** @enum {string} */
                    source: "call" | "polling" | "stream" | "live";
                };
            };
            records: {
                [key: string]: unknown;
            }[] | null;
            document: {
                contentType: string;
                base64: string;
            } | null;
        };
        AccountLogin: {
            account: string;
            vendor: string;
            /** @enum {string} */
            by: "device-code" | "form" | "password" | "api-key" | "nothing";
            /** @enum {string} */
            state: "ready" | "needs login" | "never logged in" | "refused";
            reason: string | null;
            subject: string | null;
            since: string | null;
            refreshedAt: string | null;
            refreshGoodUntil: string | null;
            accessGoodUntil: string | null;
        };
        Login: {
            id: number;
            account: string;
            /** @enum {string} */
            kind: "device-code" | "form" | "password";
            /** @enum {string} */
            state: "starting" | "waiting" | "done" | "refused" | "expired" | "cancelled" | "failed";
            message: string;
            url: string | null;
            userCode: string | null;
            intervalMs: number | null;
            askedBy: string;
            createdAt: string | null;
            expiresAt: string | null;
            endedAt: string | null;
        };
        PollingPlan: {
            account: string;
            limit: string;
            capacity: number;
            used: number;
            reserve: number;
            leftAfter: number;
            from: string | null;
            to: string | null;
            calls: {
                at: string | null;
                vehicleId: string;
                read: string;
            }[];
            windows: {
                from: string | null;
                to: string | null;
                budget: number;
                planned: number;
                stretch: number | null;
            }[];
            items: {
                vehicleId: string;
                read: string;
                calls: number;
                wishedSeconds: number;
                oldestSeconds: number | null;
                meanSeconds: number | null;
            }[];
            assumed: string[];
            closed: {
                until: string | null;
                reason: string;
            } | null;
        };
        Permit: {
            permit: string;
            /** Format: date-time */
            departAt: string;
            /** Format: date-time */
            expiresAt: string;
            probe: boolean;
        };
        CallAnswer: {
            status: number | null;
            headers: {
                [key: string]: string;
            };
            body: string;
            /** @enum {string} */
            verdict: "ok" | "rate" | "quota" | "server" | "auth" | "billing" | "blocked" | "gone" | "pending" | "invalid" | "unused";
            /** @enum {string} */
            next: "use" | "retry" | "stop" | "renew-credentials" | "look-first" | "give-up";
            /** @description 0: none. Null: nobody knows, for only a person ends the stop */
            waitMs: number | null;
            until: string | null;
            pool: string | null;
            /** @description What closes the pool */
            stop: {
                pool: string;
                state: string;
                /** Format: date-time */
                since: string;
                reason: string;
                /** @description The operator who has paused it */
                by: string | null;
            } | null;
            reason: string;
            requestId: string | null;
        };
        Outcome: {
            /** @enum {string} */
            verdict: "ok" | "rate" | "quota" | "server" | "auth" | "billing" | "blocked" | "gone" | "pending" | "invalid" | "unused";
            /** @enum {string} */
            next: "use" | "retry" | "stop" | "renew-credentials" | "look-first" | "give-up";
            /** @description 0: none. Null: nobody knows, for only a person ends the stop */
            waitMs: number | null;
            until: string | null;
            pool: string | null;
            /** @description What closes the pool */
            stop: {
                pool: string;
                state: string;
                /** Format: date-time */
                since: string;
                reason: string;
                /** @description The operator who has paused it */
                by: string | null;
            } | null;
            reason: string;
            requestId: string | null;
            /** @description For the next call, where `nextWaitMs` asked for it and it was had in that time */
            permit: components["schemas"]["Permit"] | null;
        };
        Health: {
            /** @enum {string} */
            status: "healthy" | "degraded";
            quota_status: {
                paused: boolean;
                until: string | null;
                retry_after: number | null;
                reason: string;
            };
            user_agent_info: {
                user_agent: string | null;
            };
            circuit_breaker_state: string;
            worker: {
                running: boolean;
                last_seen: string | null;
            } | null;
            accounts: {
                account: string;
                circuit_breaker_state: string;
                until: string | null;
                reason: string;
            }[];
        };
        Event: {
            id: number;
            /** Format: date-time */
            at: string;
            kind: string;
            pool: string | null;
            data: {
                [key: string]: unknown;
            };
        };
        Explanation: {
            id: string;
            /** @enum {string} */
            kind: "batch" | "item" | "sync" | "backfill" | "audit" | "polling" | "window" | "command" | "read";
            state: string;
            /** Format: date-time */
            from: string;
            to: string | null;
            elapsedMs: number;
            wait: components["schemas"]["Wait"] | null;
            evidence: {
                pool: string | null;
                limit: string | null;
                words: string;
                code: string | null;
                requestId: string | null;
                by: string | null;
            } | null;
            shares: {
                /** @enum {string} */
                cause: "person" | "noWorker" | "quotaPause" | "rateLimit" | "vendor" | "idle" | "calling";
                ms: number;
                share: number;
            }[];
        };
        ApiKey: {
            id: string;
            name: string;
            /** @enum {string} */
            scope: "read" | "operate" | "admin";
            requestsPerMinute: number | null;
            /** Format: date-time */
            createdAt: string;
            createdBy: string;
            expiresAt: string | null;
            revokedAt: string | null;
            lastUsedAt: string | null;
        };
    };
    responses: {
        /** @description Something given cannot be right */
        Problem400: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 400;
                    /** @enum {unknown} */
                    code?: "INVALID_INPUT" | "MISSING_INPUT" | "UNKNOWN_FIELD" | "UNKNOWN_NAME" | "AMBIGUOUS_NAME" | "NOT_APPLICABLE" | "ID_TAKEN" | "BAD_REQUEST";
                };
            };
        };
        /** @description No key, or none that is known; or the credentials of an end user, which the vendor refuses */
        Problem401: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 401;
                    /** @enum {unknown} */
                    code?: "WRONG_CREDENTIALS" | "UNAUTHENTICATED";
                };
            };
        };
        /** @description The key may not do this, or the page that asks may not */
        Problem403: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 403;
                    /** @enum {unknown} */
                    code?: "FORBIDDEN";
                };
            };
        };
        /** @description What is named is not there */
        Problem404: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 404;
                    /** @enum {unknown} */
                    code?: "NOT_FOUND" | "NO_SUCH_ROUTE";
                };
            };
        };
        /** @description The request did not arrive in time */
        Problem408: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 408;
                    /** @enum {unknown} */
                    code?: "TOO_SLOW";
                };
            };
        };
        /** @description Not in this state, or the same request is under way */
        Problem409: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 409;
                    /** @enum {unknown} */
                    code?: "NOT_RUNNING" | "TOO_LATE" | "BUSY" | "ALREADY_REPORTED" | "LOGIN_NEEDS_CAPTCHA" | "LOGIN_REFUSED" | "OTHER_USER" | "IN_FLIGHT";
                };
            };
        };
        /** @description The body is too long */
        Problem413: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 413;
                    /** @enum {unknown} */
                    code?: "TOO_LARGE";
                };
            };
        };
        /** @description The body is of another media type */
        Problem415: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 415;
                    /** @enum {unknown} */
                    code?: "UNSUPPORTED_MEDIA_TYPE";
                };
            };
        };
        /** @description The Idempotency-Key came with another body before */
        Problem422: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 422;
                    /** @enum {unknown} */
                    code?: "KEY_REUSED";
                };
            };
        };
        /** @description Too many requests, or no room in a limit or a quota */
        Problem429: {
            headers: {
                /** @description Seconds */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 429;
                    /** @enum {unknown} */
                    code?: "LIMIT_REACHED" | "QUOTA_PAUSED" | "TOO_MANY_REQUESTS";
                };
            };
        };
        /** @description The headers are too long */
        Problem431: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 431;
                    /** @enum {unknown} */
                    code?: "HEADERS_TOO_LARGE";
                };
            };
        };
        /** @description It was tried and did not work */
        Problem500: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 500;
                    /** @enum {unknown} */
                    code?: "FILE" | "FAILED" | "INTERNAL";
                };
            };
        };
        /** @description A server does not answer, a pool lets no call through, or there is too much to do */
        Problem503: {
            headers: {
                /** @description Seconds */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @constant */
                    status?: 503;
                    /** @enum {unknown} */
                    code?: "POOL_STOPPED" | "NO_ANSWER" | "NO_WORKER" | "NO_SERVER" | "DATABASE_UNAVAILABLE" | "NO_SCHEMA" | "TEMPORAL_UNAVAILABLE" | "OVERLOADED" | "NOT_SET_UP";
                };
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    isAlive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        status: "ok";
                    };
                };
            };
            400: components["responses"]["Problem400"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    isReady: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        status: "ok";
                    };
                };
            };
            400: components["responses"]["Problem400"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showStatus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    runDoctor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        /** @enum {string} */
                        result: "ok" | "warn" | "fail";
                        detail: string;
                    }[];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showWorkers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        runs: boolean;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listAccounts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"][];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listPools: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pool"][];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showPool: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                pool: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pool"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    pausePool: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                pool: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @default  */
                    reason?: string;
                    until?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PoolOrder"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    resumePool: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                pool: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PoolOrder"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    unblockPool: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                pool: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @default [] */
                    limits?: string[];
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        pool: string;
                        ended: {
                            name: string;
                            key: string;
                            pools: string[];
                            until: string | null;
                            because: string;
                        }[];
                        items: number;
                        /** @enum {string} */
                        state: "closed" | "quota_paused" | "open" | "half_open" | "held";
                        unreached: string | null;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listLimits: {
        parameters: {
            query?: {
                pool?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Limit"][];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showLimit: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                pool: string;
                limit: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        limits: components["schemas"]["Limit"][];
                        history: components["schemas"]["LimitOverride"][];
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    changeLimit: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                pool: string;
                limit: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    capacity?: number;
                    ratePerSecond?: number;
                    /** @enum {string} */
                    mode?: "enforce" | "shadow";
                    reason: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        pool: string;
                        name: string;
                        limits: components["schemas"]["Limit"][];
                        override: components["schemas"]["LimitOverride"] | null;
                        unreached: string | null;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    resetLimit: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                pool: string;
                limit: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    reason: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        pool: string;
                        name: string;
                        limits: components["schemas"]["Limit"][];
                        override: components["schemas"]["LimitOverride"] | null;
                        unreached: string | null;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    resetTimes: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                pool: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @default [] */
                    limits?: string[];
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        pool: string;
                        limits: {
                            key: string;
                            name: string;
                        }[];
                        pools: string[];
                        unreached: string | null;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listDatasets: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        dataset: string;
                        account: string;
                        enabled: boolean;
                        /** @enum {string} */
                        kind: "reports" | "fleet";
                    }[];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showCoverage: {
        parameters: {
            query?: {
                account?: string;
                from?: string;
                to?: string;
                devices?: string[];
            };
            header?: never;
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Coverage"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listRows: {
        parameters: {
            query: {
                account?: string;
                from: string;
                to: string;
                limit?: number | string;
                cursor?: string;
            };
            header?: never;
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        rows: {
                            [key: string]: unknown;
                        }[];
                        next: string | null;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    exportRows: {
        parameters: {
            query: {
                account?: string;
                from: string;
                to: string;
                format?: "csv" | "jsonl";
            };
            header?: never;
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listFailedWindows: {
        parameters: {
            query?: {
                account?: string;
                from?: string;
                to?: string;
            };
            header?: never;
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        from: string | null;
                        to: string | null;
                        partition: {
                            [key: string]: string;
                        };
                        cause: ("failed" | "fatal" | "not_yet" | "no_data" | "cancelled" | "refused" | "unreadable" | "lost" | "skipped") | null;
                        reason: string;
                        tries: number;
                        since: string | null;
                        lastTry: string | null;
                        nextTry: string | null;
                    }[];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listDoubts: {
        parameters: {
            query?: {
                account?: string;
                from?: string;
                to?: string;
            };
            header?: never;
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        from: string | null;
                        to: string | null;
                        partition: {
                            [key: string]: string;
                        };
                        knownRows: number;
                        reportedRows: number;
                        answers: number;
                        since: string | null;
                        recheckAt: string | null;
                        accepted: boolean;
                    }[];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    acceptDoubts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    account?: string;
                    from: string;
                    to: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        accepted: number;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listSetAsideRows: {
        parameters: {
            query?: {
                account?: string;
                from?: string;
                to?: string;
                limit?: number | string;
            };
            header?: never;
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        document: {
                            from: string | null;
                            to: string | null;
                        };
                        partition: {
                            [key: string]: string;
                        };
                        /** @enum {string} */
                        code: "unusable" | "duplicate_key";
                        problem: string;
                        row: number | null;
                        start: string | null;
                        key: string[] | null;
                        text: string;
                        at: string | null;
                    }[];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    planBackfill: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    account?: string;
                    from: string;
                    to: string;
                    chunk?: string;
                    /** @enum {string} */
                    priority?: "background" | "scheduled" | "live" | "interactive";
                    devices?: string[];
                    deviceCount?: number | string;
                    reportTime?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BackfillPlan"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    startBackfill: {
        parameters: {
            query?: never;
            header?: {
                /** @description Of your choice, 1 to 255 visible characters. The same key and body give the same answer; work is started once. */
                "Idempotency-Key"?: string;
            };
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    account?: string;
                    from: string;
                    to: string;
                    chunk?: string;
                    /** @enum {string} */
                    priority?: "background" | "scheduled" | "live" | "interactive";
                    devices?: string[];
                };
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    /** @description Where it is found */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                        alreadyRan: boolean;
                        workerRuns: boolean;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    startAudit: {
        parameters: {
            query?: never;
            header?: {
                /** @description Of your choice, 1 to 255 visible characters. The same key and body give the same answer; work is started once. */
                "Idempotency-Key"?: string;
            };
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    account?: string;
                    from: string;
                    to: string;
                    chunk?: string;
                    /** @enum {string} */
                    priority?: "background" | "scheduled" | "live" | "interactive";
                };
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    /** @description Where it is found */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                        alreadyRan: boolean;
                        workerRuns: boolean;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    startSync: {
        parameters: {
            query?: never;
            header?: {
                /** @description Of your choice, 1 to 255 visible characters. The same key and body give the same answer; work is started once. */
                "Idempotency-Key"?: string;
            };
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                };
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    /** @description Where it is found */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                        alreadyRan: boolean;
                        workerRuns: boolean;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    stopSync: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    pauseSync: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    resumeSync: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                vendor: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listSyncs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sync"][];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listBackfills: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"][];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showBackfill: {
        parameters: {
            query?: {
                account?: string;
            };
            header?: never;
            path: {
                backfill: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    pauseBackfill: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                backfill: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                        running: boolean;
                        status: components["schemas"]["WorkStatus"] | null;
                        problem: string | null;
                        wait: components["schemas"]["Wait"] | null;
                        wasPaused: boolean | null;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    resumeBackfill: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                backfill: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                        running: boolean;
                        status: components["schemas"]["WorkStatus"] | null;
                        problem: string | null;
                        wait: components["schemas"]["Wait"] | null;
                        wasPaused: boolean | null;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    cancelBackfill: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                backfill: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listBatches: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Batch"][];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    startBatch: {
        parameters: {
            query?: never;
            header?: {
                /** @description Of your choice, 1 to 255 visible characters. The same key and body give the same answer; work is started once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    kind: string;
                    account: string;
                    prompt?: string;
                    model: string;
                    maxOutputTokens?: number;
                    maxConcurrency?: number;
                    /** @enum {string} */
                    priority?: "background" | "scheduled" | "live" | "interactive";
                    /** @enum {string} */
                    via?: "responses" | "batch-api";
                    /**
                     * @default stop
                     * @enum {string}
                     */
                    onBadRow?: "stop" | "skip";
                    /** @default true */
                    comments?: boolean;
                    quotaThreshold?: number;
                    dailyLimit?: number;
                    /** @description Number of hours (from 0.001 to 744), or text such as "6h". */
                    pauseHours?: number | string;
                    quotaMonitoring?: boolean;
                    logInterval?: number;
                    rows?: {
                        [key: string]: string | number | boolean | null;
                    }[];
                    csv?: string;
                    /** @default rows */
                    inputName?: string;
                };
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    /** @description Where it is found */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartedBatch"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    planBatch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    kind: string;
                    account: string;
                    prompt?: string;
                    model: string;
                    maxOutputTokens?: number;
                    maxConcurrency?: number;
                    /** @enum {string} */
                    priority?: "background" | "scheduled" | "live" | "interactive";
                    /** @enum {string} */
                    via?: "responses" | "batch-api";
                    /**
                     * @default stop
                     * @enum {string}
                     */
                    onBadRow?: "stop" | "skip";
                    /** @default true */
                    comments?: boolean;
                    quotaThreshold?: number;
                    dailyLimit?: number;
                    /** @description Number of hours (from 0.001 to 744), or text such as "6h". */
                    pauseHours?: number | string;
                    quotaMonitoring?: boolean;
                    logInterval?: number;
                    rows?: {
                        [key: string]: string | number | boolean | null;
                    }[];
                    csv?: string;
                    /** @default rows */
                    inputName?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchPlan"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    uploadBatch: {
        parameters: {
            query: {
                kind: string;
                account: string;
                prompt?: string;
                model: string;
                maxOutputTokens?: number;
                maxConcurrency?: number;
                priority?: "background" | "scheduled" | "live" | "interactive";
                via?: "responses" | "batch-api";
                onBadRow?: "stop" | "skip";
                comments?: boolean;
                quotaThreshold?: number;
                dailyLimit?: number;
                /** @description Number of hours (from 0.001 to 744), or text such as "6h". */
                pauseHours?: number | string;
                quotaMonitoring?: boolean;
                logInterval?: number;
            };
            header?: {
                /** @description Of your choice, 1 to 255 visible characters. The same key and body give the same answer; work is started once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "text/csv": string;
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    /** @description Where it is found */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartedBatch"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    startBatchFromFile: {
        parameters: {
            query?: never;
            header?: {
                /** @description Of your choice, 1 to 255 visible characters. The same key and body give the same answer; work is started once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    kind: string;
                    account: string;
                    input: string;
                    promptFile?: string;
                    prompt?: string;
                    model: string;
                    maxOutputTokens?: number;
                    maxConcurrency?: number;
                    /** @enum {string} */
                    priority?: "background" | "scheduled" | "live" | "interactive";
                    /** @enum {string} */
                    via?: "responses" | "batch-api";
                    /**
                     * @default stop
                     * @enum {string}
                     */
                    onBadRow?: "stop" | "skip";
                    /** @default true */
                    comments?: boolean;
                    quotaThreshold?: number;
                    dailyLimit?: number;
                    /** @description Number of hours (from 0.001 to 744), or text such as "6h". */
                    pauseHours?: number | string;
                    quotaMonitoring?: boolean;
                    logInterval?: number;
                };
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    /** @description Where it is found */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartedBatch"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showBatch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                batch: number | string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchDetails"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    exportBatch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                batch: number | string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listBatchItems: {
        parameters: {
            query?: {
                state?: ("pending" | "running" | "retry" | "done" | "failed")[];
                limit?: number | string;
                cursor?: string;
            };
            header?: never;
            path: {
                batch: number | string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            id: string;
                            /** @enum {string} */
                            state: "pending" | "running" | "retry" | "done" | "failed";
                            attempts: number;
                            nextAttemptAt: string | null;
                            answeredAt: string | null;
                            responseId: string | null;
                            evidence: unknown;
                        }[];
                        next: string | null;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    pauseBatch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                batch: number | string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        batch: number;
                        files: number;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    resumeBatch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                batch: number | string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        batch: number;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    cancelBatch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                batch: number | string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        batch: number;
                        files: string[];
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    skipBatchItems: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                batch: number | string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    ids: string[];
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        batch: number;
                        items: number;
                        onTheWay: number;
                        ended: string[];
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    retryBatchItems: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                batch: number | string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @default [] */
                    ids?: string[];
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        batch: number;
                        items: number;
                        /** @enum {string} */
                        state: "running" | "paused" | "cancelled";
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listCommands: {
        parameters: {
            query?: {
                account?: string;
                limit?: number | string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"][];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    sendCommand: {
        parameters: {
            query?: never;
            header?: {
                /** @description Of your choice, 1 to 255 visible characters. The same key and body give the same answer; work is started once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    vendor: string;
                    device: string;
                    code: string;
                    account?: string;
                    /** @default [] */
                    params?: string[];
                    /** @default false */
                    repeatable?: boolean;
                    timeout?: string;
                    /** @default false */
                    waitForPool?: boolean;
                    id?: string;
                    /** @default false */
                    unlisted?: boolean;
                };
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    /** @description Where it is found */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showCommand: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                command: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    cancelCommand: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                command: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    authenticateUser: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    vendor: string;
                    username: string;
                    password: string;
                    account?: string;
                    timeout?: string;
                    maxAge?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserAnswer"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listVehicles: {
        parameters: {
            query?: {
                account?: string;
                maxAge?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        account: string;
                        listedAt: string | null;
                        ageMs: number | null;
                        stale: components["schemas"]["Stale"] | null;
                        vehicles: components["schemas"]["Vehicle"][];
                    }[];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    refreshVehicles: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                    /** @default false */
                    force?: boolean;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        account: string;
                        listedAt: string | null;
                        ageMs: number | null;
                        stale: components["schemas"]["Stale"] | null;
                        vehicles: components["schemas"]["Vehicle"][];
                    }[];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showVehicle: {
        parameters: {
            query?: {
                account?: string;
            };
            header?: never;
            path: {
                vehicle: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        account: string;
                        vehicleId: string;
                        name: string;
                        brand: string;
                        model: string;
                        driveTrain: ("combustion" | "plug-in hybrid" | "electric" | "other") | null;
                        readable: boolean;
                        listedAt: string | null;
                        details: {
                            [key: string]: unknown;
                        };
                        reads: {
                            name: string;
                            about: string;
                            staleMs: number;
                            stored: {
                                read: string;
                                params: {
                                    [key: string]: string | number;
                                };
                                answeredAt: string | null;
                                values: number;
                                failures: number;
                                failedAt: string | null;
                                retryAt: string | null;
                                failure: {
                                    /** @enum {string} */
                                    kind: "refused" | "passing";
                                    reason: string;
                                    code: string | null;
                                } | null;
                            }[];
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    readVehicle: {
        parameters: {
            query?: {
                account?: string;
                maxAge?: string;
                force?: boolean;
                timeout?: string;
                user?: string;
                params?: string[];
            };
            header?: never;
            path: {
                vehicle: string;
                read: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReadAnswer"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listLogins: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountLogin"][];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    startLogin: {
        parameters: {
            query?: never;
            header?: {
                /** @description Of your choice, 1 to 255 visible characters. The same key and body give the same answer; work is started once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    account: string;
                    /** @default {} */
                    fields?: {
                        [key: string]: string;
                    };
                };
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    /** @description Where it is found */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showLogin: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                login: number | string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    cancelLogin: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                login: number | string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showPollingPlan: {
        parameters: {
            query?: {
                vendor?: string;
                account?: string;
                vehicles?: number | string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PollingPlan"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    planPolling: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    vendor?: string;
                    account?: string;
                    vehicles?: number | string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PollingPlan"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listPolling: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PollingRun"][];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    startPolling: {
        parameters: {
            query?: never;
            header?: {
                /** @description Of your choice, 1 to 255 visible characters. The same key and body give the same answer; work is started once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                };
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    /** @description Where it is found */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                        alreadyRan: boolean;
                        workerRuns: boolean;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    stopPolling: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    pausePolling: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                    /** @default  */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    resumePolling: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    account?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        workflowId: string;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    takePermit: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description Name of the account in the settings */
                    account: string;
                    /** @description What is called, as the vendor's limits name it */
                    operation: string;
                    /**
                     * @description Attributes by which limits distinguish calls, e.g. a device or a model
                     * @default {}
                     */
                    attributes?: {
                        [key: string]: string;
                    };
                    /** @description Estimate, where limits count tokens */
                    tokens?: number | string;
                    /**
                     * @description Who goes first where a limit is short
                     * @default background
                     * @enum {string}
                     */
                    priority?: "background" | "scheduled" | "live" | "interactive";
                    /** @description Longest wait for the permit, in milliseconds */
                    waitMs?: number | string;
                    /** @description Who asks, for counts of calls. Default: the name of the key */
                    caller?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Permit"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            /** @description A limit has nothing left, or the quota is used up: `until` says when to ask again */
            429: {
                headers: {
                    /** @description Seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @constant */
                        status?: 429;
                        /** @enum {unknown} */
                        code?: "LIMIT_REACHED" | "QUOTA_PAUSED" | "TOO_MANY_REQUESTS";
                    };
                };
            };
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            /** @description The pool lets no call through, or a server does not answer */
            503: {
                headers: {
                    /** @description Seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @constant */
                        status?: 503;
                        /** @enum {unknown} */
                        code?: "POOL_STOPPED" | "NO_ANSWER" | "NO_WORKER" | "NO_SERVER" | "DATABASE_UNAVAILABLE" | "NO_SCHEMA" | "TEMPORAL_UNAVAILABLE" | "OVERLOADED" | "NOT_SET_UP";
                    };
                };
            };
        };
    };
    callVendor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description Name of the account in the settings */
                    account: string;
                    /** @description What is called, as the vendor's limits name it */
                    operation: string;
                    /**
                     * @description Attributes by which limits distinguish calls, e.g. a device or a model
                     * @default {}
                     */
                    attributes?: {
                        [key: string]: string;
                    };
                    /** @description Estimate, where limits count tokens */
                    tokens?: number | string;
                    /**
                     * @description Who goes first where a limit is short
                     * @default background
                     * @enum {string}
                     */
                    priority?: "background" | "scheduled" | "live" | "interactive";
                    /** @description Longest wait for the permit, in milliseconds */
                    waitMs?: number | string;
                    /** @description Who asks, for counts of calls. Default: the name of the key */
                    caller?: string;
                    /**
                     * @default GET
                     * @enum {string}
                     */
                    method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
                    /** @description Below the account's base URL, with its query: /reports?pageSize=10 */
                    path: string;
                    /** @default {} */
                    headers?: {
                        [key: string]: string;
                    };
                    /** @description Text, or an object that is sent as JSON */
                    body?: string | {
                        [key: string]: unknown;
                    };
                    /** @description Which try of the same request it is: waits grow with it */
                    attempt?: number | string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CallAnswer"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            /** @description A limit has nothing left, or the quota is used up: `until` says when to ask again */
            429: {
                headers: {
                    /** @description Seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @constant */
                        status?: 429;
                        /** @enum {unknown} */
                        code?: "LIMIT_REACHED" | "QUOTA_PAUSED" | "TOO_MANY_REQUESTS";
                    };
                };
            };
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            /** @description The call was made, and its answer is longer than is handed on: `answer` says what it was. Sent again, it costs another call */
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @constant */
                        status?: 502;
                        /** @enum {unknown} */
                        code?: "ANSWER_TOO_LARGE";
                    };
                };
            };
            /** @description The pool lets no call through, or a server does not answer */
            503: {
                headers: {
                    /** @description Seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @constant */
                        status?: 503;
                        /** @enum {unknown} */
                        code?: "POOL_STOPPED" | "NO_ANSWER" | "NO_WORKER" | "NO_SERVER" | "DATABASE_UNAVAILABLE" | "NO_SCHEMA" | "TEMPORAL_UNAVAILABLE" | "OVERLOADED" | "NOT_SET_UP";
                    };
                };
            };
        };
    };
    reportOutcome: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The permit */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description HTTP status of the answer; without one, give `error` */
                    status?: number | string;
                    /**
                     * @description Headers of the answer: limits are learned from them
                     * @default {}
                     */
                    headers?: {
                        [key: string]: string | string[];
                    };
                    /** @description The answer, or its beginning. Left out of a 2xx answer: it is taken for usable */
                    body?: string;
                    /** @description Instead of a status: there was no answer */
                    error?: {
                        /**
                         * @description E.g. ECONNREFUSED or ETIMEDOUT
                         * @default UNKNOWN
                         */
                        code?: string;
                        /** @default  */
                        message?: string;
                        /**
                         * @description False when it is certain that nothing was sent
                         * @default true
                         */
                        sent?: boolean;
                    };
                    /**
                     * @description Instead of a status: the call was not made
                     * @default false
                     */
                    unused?: boolean;
                    /** @description What it has really cost */
                    tokensUsed?: number | string;
                    /** @description Which try of the same request it was: waits grow with it */
                    attempt?: number | string;
                    /**
                     * @description It carried a token fetched because the last one had expired
                     * @default false
                     */
                    freshLogin?: boolean;
                    /** @description After a good answer (`use`): asks for a permit for another call of the same kind in the same request, and waits for it as long as this; it comes in `permit` */
                    nextWaitMs?: number | string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Outcome"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    readHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    readMetrics: {
        parameters: {
            query?: {
                format?: "json" | "prometheus";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {string} */
                        status: "healthy" | "degraded";
                        quota_status: {
                            paused: boolean;
                            until: string | null;
                            retry_after: number | null;
                            reason: string;
                        };
                        user_agent_info: {
                            user_agent: string | null;
                        };
                        circuit_breaker_state: string;
                        worker: {
                            running: boolean;
                            last_seen: string | null;
                        } | null;
                        accounts: {
                            account: string;
                            circuit_breaker_state: string;
                            until: string | null;
                            reason: string;
                        }[];
                        main_account: string | null;
                        quota_retry_count: number;
                        calls_total: number;
                        calls: {
                            pool: string;
                            verdict: string;
                            calls: number;
                        }[];
                    };
                    "text/plain": string;
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    refreshSales: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @enum {string} */
                    window: "last_3h" | "last_24h";
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        status: "success";
                        /** @enum {string} */
                        window: "last_3h" | "last_24h";
                        ingest_summary: {
                            from: string | null;
                            to: string | null;
                            complete: boolean;
                            rows: number;
                        } | null;
                    } | {
                        /** @constant */
                        status: "error";
                        /** @enum {string} */
                        error: "QuotaExceeded" | "PausedByOperator" | "VendorUnavailable" | "CredentialsRefused" | "LoginNeeded" | "AccountStopped" | "AccessRefused" | "NoWorker" | "RefreshFailed";
                        message: string;
                        /** @enum {string} */
                        window: "last_3h" | "last_24h";
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    showOwnVehicle: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    email: string;
                    password: string;
                    /** @description The vehicle: its id, its last seven characters, or its name. */
                    wkn: string;
                    /** @description Token of a solved captcha, where the login of the vendor wants one. */
                    captcha?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        status: "success";
                        vehicle: components["schemas"]["Vehicle"];
                        read: components["schemas"]["ReadAnswer"];
                    };
                };
            };
            400: components["responses"]["Problem400"];
            /** @description The vendor refuses the e-mail or the password, or there is no key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @constant */
                        status?: 401;
                        /** @enum {unknown} */
                        code?: "WRONG_CREDENTIALS" | "UNAUTHENTICATED";
                    };
                };
            };
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    summarizeSales: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        status: "success";
                        dataset: string;
                        account: string;
                        latest: string | null;
                        spans: {
                            /** @enum {string} */
                            window: "last_3h" | "last_24h";
                            rows: number;
                            totals: {
                                [key: string]: string;
                            };
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listEvents: {
        parameters: {
            query?: {
                pool?: string;
                kind?: string[];
                limit?: number | string;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        events: components["schemas"]["Event"][];
                        next: string | null;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    followEvents: {
        parameters: {
            query?: {
                pool?: string;
                kind?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    explainWork: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explanation"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listKeys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKey"][];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    createKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    /**
                     * @default read
                     * @enum {string}
                     */
                    scope?: "read" | "operate" | "admin";
                    expires?: string;
                    requestsPerMinute?: number | string;
                };
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id: string;
                        name: string;
                        /** @enum {string} */
                        scope: "read" | "operate" | "admin";
                        requestsPerMinute: number | null;
                        /** Format: date-time */
                        createdAt: string;
                        createdBy: string;
                        expiresAt: string | null;
                        revokedAt: string | null;
                        lastUsedAt: string | null;
                        key: string;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    revokeKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKey"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    listSecrets: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        version: number;
                        keyId: string;
                        updatedAt: string | null;
                    }[];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    putSecret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    value: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        version: number;
                        resumed: string[];
                        unreached: string | null;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    deleteSecret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    rotateVault: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        keyId: string;
                        entries: number;
                        grants: number;
                        tokens: number;
                        keys: {
                            missing: {
                                keyId: string;
                                vaultEntries: number;
                                tokens: number;
                                grants: number;
                                spooled: number;
                                openWorkflows: number;
                                schedules: number;
                                unreadable: string | null;
                                example: string | null;
                            }[];
                            older: {
                                keyId: string;
                                vaultEntries: number;
                                tokens: number;
                                grants: number;
                                spooled: number;
                                openWorkflows: number;
                                schedules: number;
                                unreadable: string | null;
                                example: string | null;
                            }[];
                            idle: string[];
                        } | null;
                        unreached: string | null;
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    publishSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        pools: string[];
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
    prune: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @default false */
                    dryRun?: boolean;
                    batches?: number | string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        dryRun: boolean;
                        deleted: {
                            jobs: number;
                            events: number;
                            refusals: number;
                            callCounts: number;
                            commands: number;
                            batches: number;
                            reads: number;
                        };
                        retention: {
                            jobs: number | null;
                            events: number | null;
                            refusals: number | null;
                            callCounts: number | null;
                            commands: number | null;
                            batches: number | null;
                            reads: number | null;
                        };
                    };
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            429: components["responses"]["Problem429"];
            431: components["responses"]["Problem431"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
        };
    };
}
