// Generated from openapi.json by `npm run types`. Do not edit.

export interface paths {
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description List entries, newest first. */
        get: operations["audit_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/containers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description List containers from the mirror; facets count all rows that match `q`, `label` and the other facet. */
        get: operations["containers_list"];
        put?: never;
        /** @description Pull (as asked), create and start a container as one job. */
        post: operations["containers_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enrolments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** @description Permit one machine to join; the token and the line to run are shown this once. */
        post: operations["enrolments_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enrolments/{enrolment_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description Return the steps so far. */
        get: operations["enrolments_get"];
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
        /** @description List recent events, newest first. */
        get: operations["events_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description Return 200 when every part is well, else 503; the parts are named either way, their details to users only. */
        get: operations["health_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description List hosts by name. */
        get: operations["hosts_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_ref}/containers/{container_ref}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description Return the mirror's row and, while the host can be asked, the engine's own inspect answer. */
        get: operations["containers_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_ref}/containers/{container_ref}/actions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** @description Submit the action as a job. */
        post: operations["containers_act"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_ref}/containers/{container_ref}/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description Return the engine's one-shot stats. */
        get: operations["containers_stats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_ref}/containers/{container_ref}/terminals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** @description Issue a ticket for `/ws/terminal`: 30 s, one use. Rights and audit happen here. */
        post: operations["terminals_open"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_ref}/containers/{container_ref}/top": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description Return what runs inside. */
        get: operations["containers_top"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_ref}/images/{image_ref}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** @description Untag or remove an image. */
        delete: operations["images_remove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_ref}/networks/{network_ref}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** @description Remove a network nothing uses. */
        delete: operations["networks_remove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_ref}/volumes/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** @description Remove a volume and its data. */
        delete: operations["volumes_remove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{ref}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description Return one host. */
        get: operations["hosts_get"];
        put?: never;
        post?: never;
        /** @description Take the host out of the fleet. Its containers run on; its credential dies at once. */
        delete: operations["hosts_remove"];
        options?: never;
        head?: never;
        /** @description Change name, labels or whether new containers go there. */
        patch: operations["hosts_change"];
        trace?: never;
    };
    "/api/v1/images": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description List images by tag. */
        get: operations["images_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/images/pull": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** @description Pull an image to a host; the progress is the job's output. */
        post: operations["images_pull"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description List jobs, newest first. */
        get: operations["jobs_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{ref}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description Return one job. */
        get: operations["jobs_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{ref}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** @description Cancel: at once while queued, soon while running. */
        post: operations["jobs_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{ref}/output": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description Return output lines after a number, at most 1000. */
        get: operations["jobs_output"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{ref}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** @description Submit a failed or cancelled job again as a new one. */
        post: operations["jobs_retry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/networks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description List networks by name. */
        get: operations["networks_list"];
        put?: never;
        /** @description Make a bridge network. */
        post: operations["networks_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description Return counts, what needs attention, recent activity and capacity. */
        get: operations["overview_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description Say who is signed in; 401 when nobody is. */
        get: operations["session_get"];
        put?: never;
        /** @description Sign in. Wrong user and wrong password answer alike; failures are counted per address and account. */
        post: operations["session_open"];
        /** @description Sign out; the session's open sockets end within seconds. */
        delete: operations["session_close"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description Say whether nobody administers this plane yet. */
        get: operations["setup_get"];
        put?: never;
        /** @description Make the first admin with the console's single-use token, and sign in. */
        post: operations["setup_complete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description List the caller's tokens, newest first, without their secrets. */
        get: operations["tokens_list"];
        put?: never;
        /** @description Make a token; its secret is shown this once. A token cannot make tokens. */
        post: operations["tokens_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{token_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** @description Revoke a token; streams opened with it end within seconds. */
        delete: operations["tokens_revoke"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description List users by name. */
        get: operations["users_list"];
        put?: never;
        /** @description Make a user. */
        post: operations["users_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** @description Remove a user with its tokens. */
        delete: operations["users_remove"];
        options?: never;
        head?: never;
        /** @description Change role, password or whether the user may sign in; open streams follow within seconds. */
        patch: operations["users_change"];
        trace?: never;
    };
    "/api/v1/volumes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description List volumes by name. */
        get: operations["volumes_list"];
        put?: never;
        /** @description Make a volume with the local driver. */
        post: operations["volumes_create"];
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
        /** @description Something a person should look at; `action` is the id of the one thing to do next. */
        Attention: {
            action: components["schemas"]["AttentionActionEnum"];
            container_id: string | null;
            detail: string;
            host: components["schemas"]["HostRef"] | null;
            /** Format: uuid */
            job_id: string | null;
            kind: components["schemas"]["KindEnum"];
            severity: components["schemas"]["SeverityEnum"];
            /** Format: date-time */
            since: string | null;
            title: string;
        };
        /**
         * @description * `open_host` - open_host
         *     * `open_container` - open_container
         *     * `open_logs` - open_logs
         *     * `open_job` - open_job
         * @enum {string}
         */
        AttentionActionEnum: "open_host" | "open_container" | "open_logs" | "open_job";
        /** @description One entry of the record; `result` null: under way, or cut off. */
        Audit: {
            action: string;
            actor: string;
            actor_type: string;
            /** Format: date-time */
            at: string;
            decision: components["schemas"]["DecisionEnum"];
            detail: string;
            /** Format: uuid */
            host_id: string | null;
            host_name: string;
            id: number;
            /** Format: uuid */
            job_id: string | null;
            method: string;
            request_id: string;
            result: string | null;
            source: string;
            target: components["schemas"]["JobTarget"];
        };
        AuditPage: {
            count: number;
            /** @description URL of the next page */
            next: string | null;
            results: components["schemas"]["Audit"][];
        };
        /** @description Sums over hosts that are online or degraded. */
        Capacity: {
            cpus: number;
            disk_bytes: number;
            disk_used_bytes: number;
            memory_bytes: number;
            memory_used_bytes: number;
        };
        /** @description A container of one host. `stale`: the host is silent and this was true at `as_of`. */
        Container: {
            /** Format: date-time */
            as_of: string | null;
            command: string;
            /** Format: date-time */
            created_at: string | null;
            exit_code: number | null;
            /** Format: date-time */
            finished_at: string | null;
            health: string | null;
            host: components["schemas"]["HostRef"];
            id: string;
            image: string;
            image_id: string;
            labels: {
                [key: string]: string;
            };
            mounts: components["schemas"]["Mount"][];
            name: string;
            networks: string[];
            pending: components["schemas"]["Pending"] | null;
            ports: components["schemas"]["Port"][];
            restart_count: number;
            restart_policy: string;
            stale: boolean;
            /** Format: date-time */
            started_at: string | null;
            state: components["schemas"]["ContainerState"];
            status: string;
        };
        /**
         * @description * `start` - start
         *     * `stop` - stop
         *     * `restart` - restart
         *     * `kill` - kill
         *     * `pause` - pause
         *     * `unpause` - unpause
         *     * `remove` - remove
         *     * `rename` - rename
         *     * `update` - update
         * @enum {string}
         */
        ContainerActionActionEnum: "start" | "stop" | "restart" | "kill" | "pause" | "unpause" | "remove" | "rename" | "update";
        /** @description What to do to a container. The other fields are parameters of the action that their text names. */
        ContainerActionRequest: {
            action: components["schemas"]["ContainerActionActionEnum"];
            /** @description remove */
            force?: boolean;
            /** @description update */
            memory_bytes?: number | null;
            /** @description rename */
            name?: string;
            /** @description update */
            nano_cpus?: number | null;
            /** @description update */
            pids_limit?: number | null;
            /** @description update */
            restart_policy?: components["schemas"]["RestartPolicyRequest"];
            /** @description stop, restart, kill */
            signal?: string;
            /** @description stop, restart */
            timeout_s?: number | null;
            /** @description remove: its anonymous volumes too */
            volumes?: boolean;
        };
        /** @description Containers by state. */
        ContainerCounts: {
            exited: number;
            paused: number;
            restarting: number;
            running: number;
            total: number;
            unhealthy: number;
        };
        /** @description With the engine's own inspect answer; null while the host cannot be asked. */
        ContainerDetail: {
            /** Format: date-time */
            as_of: string | null;
            command: string;
            /** Format: date-time */
            created_at: string | null;
            exit_code: number | null;
            /** Format: date-time */
            finished_at: string | null;
            health: string | null;
            host: components["schemas"]["HostRef"];
            id: string;
            image: string;
            image_id: string;
            inspect: {
                [key: string]: unknown;
            } | null;
            labels: {
                [key: string]: string;
            };
            mounts: components["schemas"]["Mount"][];
            name: string;
            networks: string[];
            pending: components["schemas"]["Pending"] | null;
            ports: components["schemas"]["Port"][];
            restart_count: number;
            restart_policy: string;
            stale: boolean;
            /** Format: date-time */
            started_at: string | null;
            state: components["schemas"]["ContainerState"];
            status: string;
        };
        /** @description How many of all matching rows each state and each host (by id) has. */
        ContainerFacets: {
            host: {
                [key: string]: number;
            };
            state: {
                [key: string]: number;
            };
        };
        ContainerPage: {
            count: number;
            facets: components["schemas"]["ContainerFacets"];
            /** @description URL of the next page */
            next: string | null;
            results: components["schemas"]["Container"][];
        };
        /**
         * @description * `created` - created
         *     * `running` - running
         *     * `paused` - paused
         *     * `restarting` - restarting
         *     * `removing` - removing
         *     * `exited` - exited
         *     * `dead` - dead
         * @enum {string}
         */
        ContainerState: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
        /** @description Sign-in. */
        CredentialsRequest: {
            password: string;
            username: string;
        };
        /**
         * @description * `allowed` - allowed
         *     * `denied` - denied
         * @enum {string}
         */
        DecisionEnum: "allowed" | "denied";
        /** @description The permission, with its secret and the line to run: shown this once. */
        Enrolment: {
            command: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            token: string;
        };
        /**
         * @description * `waiting` - waiting
         *     * `used` - used
         *     * `expired` - expired
         * @enum {string}
         */
        EnrolmentProgress: "waiting" | "used" | "expired";
        /** @description Permission for one machine to join. */
        EnrolmentRequestRequest: {
            labels?: {
                [key: string]: string;
            };
            name?: string;
            ttl_s?: number;
        };
        /** @description How far a machine has come in joining. */
        EnrolmentState: {
            /** Format: date-time */
            expires_at: string;
            host: components["schemas"]["HostRef"] | null;
            /** Format: uuid */
            id: string;
            state: components["schemas"]["EnrolmentProgress"];
            steps: components["schemas"]["EnrolmentStep"][];
        };
        /** @description One step of joining; `ok` null: not reached yet. */
        EnrolmentStep: {
            detail: string;
            ok: boolean | null;
            step: components["schemas"]["StepEnum"];
        };
        /** @description A Docker event of one host. */
        Event: {
            action: string;
            /** Format: date-time */
            at: string;
            exit_code: string;
            host: components["schemas"]["HostRef"];
            id: string;
            image: string;
            name: string;
            type: string;
        };
        EventPage: {
            count: number;
            /** @description URL of the next page */
            next: string | null;
            results: components["schemas"]["Event"][];
        };
        /** @description Something the agent's doctor found. */
        Finding: {
            code: string;
            detail: string;
            next: string;
            severity: string;
            title: string;
        };
        /** @description All parts of the plane. */
        Health: {
            components: {
                [key: string]: components["schemas"]["HealthComponent"];
            };
            ok: boolean;
        };
        /** @description One part of the plane. */
        HealthComponent: {
            detail: string;
            ok: boolean;
        };
        /** @description A host with what is known of it now. Numbers are null until the agent has told them. */
        Host: {
            containers_running: number;
            containers_total: number;
            /** Format: double */
            cpu_percent: number | null;
            cpus: number | null;
            /** Format: date-time */
            created_at: string;
            disk_bytes: number | null;
            disk_used_bytes: number | null;
            findings: components["schemas"]["Finding"][];
            /** Format: uuid */
            id: string;
            kernel: string;
            labels: {
                [key: string]: string;
            };
            /** Format: date-time */
            last_seen_at: string | null;
            link_history: components["schemas"]["LinkEvent"][];
            memory_bytes: number | null;
            memory_used_bytes: number | null;
            name: string;
            os: string;
            runtime: string;
            schedulable: boolean;
            /** Format: date-time */
            since: string;
            state: components["schemas"]["HostState"];
            version: string;
        };
        /** @description Hosts by state. */
        HostCounts: {
            degraded: number;
            offline: number;
            online: number;
            pending: number;
            total: number;
            unknown: number;
        };
        HostPage: {
            count: number;
            /** @description URL of the next page */
            next: string | null;
            results: components["schemas"]["Host"][];
        };
        /** @description A host in another object's shape. */
        HostRef: {
            /** Format: uuid */
            id: string;
            name: string;
            state: components["schemas"]["HostState"];
        };
        /**
         * @description * `pending` - Pending
         *     * `online` - Online
         *     * `degraded` - Degraded
         *     * `offline` - Offline
         *     * `unknown` - Unknown
         * @enum {string}
         */
        HostState: "pending" | "online" | "degraded" | "offline" | "unknown";
        /** @description An image of one host. `containers` is how many use it. */
        Image: {
            containers: number;
            /** Format: date-time */
            created_at: string | null;
            digests: string[];
            host: components["schemas"]["HostRef"];
            id: string;
            labels: {
                [key: string]: string;
            };
            size_bytes: number;
            stale: boolean;
            tags: string[];
        };
        ImagePage: {
            count: number;
            /** @description URL of the next page */
            next: string | null;
            results: components["schemas"]["Image"][];
        };
        /** @description A durable operation. */
        Job: {
            actor: string;
            attempts: number;
            /** Format: date-time */
            created_at: string;
            error: components["schemas"]["JobError"] | null;
            /** Format: date-time */
            finished_at: string | null;
            host: components["schemas"]["HostRef"] | null;
            /** Format: uuid */
            id: string;
            kind: string;
            number: number;
            /** Format: double */
            progress: number | null;
            result: unknown;
            retryable: boolean;
            /** Format: date-time */
            started_at: string | null;
            state: components["schemas"]["JobState"];
            target: components["schemas"]["JobTarget"];
            title: string;
        };
        /** @description Why a job failed. */
        JobError: {
            code: string;
            message: string;
            next: string;
            what: string;
            why: string;
        };
        /** @description One output line. */
        JobLine: {
            /** Format: date-time */
            at: string;
            n: number;
            stream: string;
            text: string;
        };
        /** @description Output after a number; `done`: there will be no more. */
        JobOutput: {
            done: boolean;
            lines: components["schemas"]["JobLine"][];
        };
        JobPage: {
            count: number;
            /** @description URL of the next page */
            next: string | null;
            results: components["schemas"]["Job"][];
        };
        /**
         * @description * `queued` - Queued
         *     * `running` - Running
         *     * `succeeded` - Succeeded
         *     * `failed` - Failed
         *     * `cancelled` - Cancelled
         * @enum {string}
         */
        JobState: "queued" | "running" | "succeeded" | "failed" | "cancelled";
        /** @description What a job works on. */
        JobTarget: {
            id: string;
            name: string;
            type: string;
        };
        /**
         * @description * `host_silent` - host_silent
         *     * `host_offline` - host_offline
         *     * `host_degraded` - host_degraded
         *     * `container_unhealthy` - container_unhealthy
         *     * `container_restarting` - container_restarting
         *     * `job_failed` - job_failed
         *     * `disk_low` - disk_low
         * @enum {string}
         */
        KindEnum: "host_silent" | "host_offline" | "host_degraded" | "container_unhealthy" | "container_restarting" | "job_failed" | "disk_low";
        /** @description One change of the link. */
        LinkEvent: {
            /** Format: date-time */
            at: string;
            state: components["schemas"]["LinkState"];
        };
        /**
         * @description * `up` - up
         *     * `left` - left
         *     * `lost` - lost
         * @enum {string}
         */
        LinkState: "up" | "left" | "lost";
        /** @description A mount. */
        Mount: {
            destination: string;
            name: string;
            read_only: boolean;
            source: string;
            type: string;
        };
        /**
         * @description * `no` - no
         *     * `always` - always
         *     * `on-failure` - on-failure
         *     * `unless-stopped` - unless-stopped
         * @enum {string}
         */
        NameEnum: "no" | "always" | "on-failure" | "unless-stopped";
        /** @description A network of one host. */
        Network: {
            /** Format: date-time */
            created_at: string | null;
            driver: string;
            host: components["schemas"]["HostRef"];
            id: string;
            internal: boolean;
            labels: {
                [key: string]: string;
            };
            name: string;
            scope: string;
            stale: boolean;
            subnets: string[];
            /** @description names of containers */
            used_by: string[];
        };
        NetworkPage: {
            count: number;
            /** @description URL of the next page */
            next: string | null;
            results: components["schemas"]["Network"][];
        };
        /** @description A container to run. `command` and `entrypoint` are lists of words. */
        NewContainerRequest: {
            /** @default false */
            auto_remove: boolean;
            command?: string[] | null;
            entrypoint?: string[] | null;
            env?: string[];
            /** @description id or name; empty: the plane chooses */
            host?: string;
            hostname?: string;
            image: string;
            labels?: {
                [key: string]: string;
            };
            memory_bytes?: number | null;
            name?: string;
            nano_cpus?: number | null;
            network?: string;
            /** @default false */
            open_stdin: boolean;
            pids_limit?: number | null;
            ports?: components["schemas"]["PublishRequest"][];
            /** @default false */
            privileged: boolean;
            /** @default missing */
            pull: components["schemas"]["PullEnum"];
            restart_policy?: components["schemas"]["RestartPolicyRequest"];
            /** @default true */
            start: boolean;
            /** @default false */
            tty: boolean;
            user?: string;
            volumes?: components["schemas"]["VolumeMountRequest"][];
            workdir?: string;
        };
        /** @description A network to make. */
        NewNetworkRequest: {
            /** @description id or name */
            host: string;
            /** @default false */
            internal: boolean;
            labels?: {
                [key: string]: string;
            };
            name: string;
            subnet?: string;
        };
        /** @description A token with its secret: shown this once. */
        NewToken: {
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string | null;
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            last_used_at: string | null;
            name: string;
            prefix: string;
            token: string;
        };
        /** @description A user to make. */
        NewUserRequest: {
            password: string;
            /** @default member */
            role: components["schemas"]["Role"];
            username: string;
        };
        /** @description A volume to make. */
        NewVolumeRequest: {
            /** @description id or name */
            host: string;
            labels?: {
                [key: string]: string;
            };
            name?: string;
        };
        /** @description Whose hosts these are. */
        Organisation: {
            name: string;
        };
        /** @description The first page. */
        Overview: {
            attention: components["schemas"]["Attention"][];
            capacity: components["schemas"]["Capacity"];
            containers: components["schemas"]["ContainerCounts"];
            hosts: components["schemas"]["HostCounts"];
            recent_events: components["schemas"]["Event"][];
            recent_jobs: components["schemas"]["Job"][];
        };
        /** @description What to change; what is left out stays. */
        PatchedHostChangeRequest: {
            labels?: {
                [key: string]: string;
            };
            name?: string;
            schedulable?: boolean;
        };
        /** @description What to change; what is left out stays. */
        PatchedUserChangeRequest: {
            is_active?: boolean;
            password?: string;
            role?: components["schemas"]["Role"];
        };
        /** @description What is being done to it. */
        Pending: {
            action: string;
            /** Format: uuid */
            job_id: string;
        };
        /** @description A port; `public` null: not published. */
        Port: {
            ip: string | null;
            private: number;
            public: number | null;
            type: string;
        };
        /**
         * @description * `tcp` - tcp
         *     * `udp` - udp
         *     * `sctp` - sctp
         * @enum {string}
         */
        ProtocolEnum: "tcp" | "udp" | "sctp";
        /** @description A port to publish. */
        PublishRequest: {
            container_port: number;
            /** @default  */
            host_ip: string;
            host_port?: number | null;
            /** @default tcp */
            protocol: components["schemas"]["ProtocolEnum"];
        };
        /**
         * @description * `missing` - missing
         *     * `always` - always
         *     * `never` - never
         * @enum {string}
         */
        PullEnum: "missing" | "always" | "never";
        /** @description An image to pull. */
        PullRequest: {
            /** @description id or name */
            host: string;
            image: string;
        };
        /** @description When to start it again. */
        RestartPolicyRequest: {
            /** @default 0 */
            max_retry: number;
            /** @default no */
            name: components["schemas"]["NameEnum"];
        };
        /**
         * @description * `admin` - Admin
         *     * `member` - Member
         * @enum {string}
         */
        Role: "admin" | "member";
        /** @description The present session. */
        Session: {
            organisation: components["schemas"]["Organisation"];
            user: components["schemas"]["SessionUser"];
        };
        /** @description Who is signed in. */
        SessionUser: {
            /** Format: uuid */
            id: string | null;
            role: components["schemas"]["Role"];
            username: string;
        };
        /** @description First admin. */
        SetupRequest: {
            password: string;
            token: string;
            username: string;
        };
        /** @description Whether nobody administers the plane yet. */
        SetupState: {
            needed: boolean;
        };
        /**
         * @description * `warning` - warning
         *     * `critical` - critical
         * @enum {string}
         */
        SeverityEnum: "warning" | "critical";
        /**
         * @description * `token` - token
         *     * `enrolled` - enrolled
         *     * `linked` - linked
         *     * `checked` - checked
         * @enum {string}
         */
        StepEnum: "token" | "enrolled" | "linked" | "checked";
        /** @description A ticket for `/ws/terminal`, good for 30 s and one use; `session` reconnects to the same terminal. */
        Terminal: {
            session: string;
            ticket: string;
        };
        /** @description A terminal to open. */
        TerminalRequestRequest: {
            /**
             * @description attach to the main process instead of a shell
             * @default false
             */
            attach: boolean;
            /** @default 80 */
            cols: number;
            /** @default 24 */
            rows: number;
            /** @description empty: bash, else sh */
            shell?: string;
            user?: string;
        };
        /** @description A token without its secret. */
        Token: {
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string | null;
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            last_used_at: string | null;
            name: string;
            prefix: string;
        };
        TokenPage: {
            count: number;
            /** @description URL of the next page */
            next: string | null;
            results: components["schemas"]["Token"][];
        };
        /** @description A token to make. */
        TokenRequestRequest: {
            /** Format: date-time */
            expires_at?: string | null;
            name: string;
        };
        /** @description Processes of a container. */
        Top: {
            processes: string[][];
            titles: string[];
        };
        /** @description A user as admins see it. */
        User: {
            /** Format: date-time */
            created_at: string;
            /** Format: uuid */
            id: string;
            is_active: boolean;
            /** Format: date-time */
            last_login: string | null;
            role: components["schemas"]["Role"];
            username: string;
        };
        UserPage: {
            count: number;
            /** @description URL of the next page */
            next: string | null;
            results: components["schemas"]["User"][];
        };
        /** @description A volume of one host. */
        Volume: {
            /** Format: date-time */
            created_at: string | null;
            driver: string;
            host: components["schemas"]["HostRef"];
            labels: {
                [key: string]: string;
            };
            mountpoint: string;
            name: string;
            options: {
                [key: string]: string;
            };
            stale: boolean;
            /** @description names of containers */
            used_by: string[];
        };
        /** @description A named volume or a host path to mount. */
        VolumeMountRequest: {
            /** @default false */
            read_only: boolean;
            source: string;
            target: string;
        };
        VolumePage: {
            count: number;
            /** @description URL of the next page */
            next: string | null;
            results: components["schemas"]["Volume"][];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    audit_list: {
        parameters: {
            query?: {
                action?: string;
                actor?: string;
                page?: number;
                /** @description at most 500 */
                page_size?: number;
                q?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
        };
    };
    containers_list: {
        parameters: {
            query?: {
                /** @description several with commas */
                health?: string;
                /** @description id or name; several with commas */
                host?: string;
                /** @description key or key=value; several with commas, all must hold */
                label?: string;
                page?: number;
                /** @description at most 500 */
                page_size?: number;
                q?: string;
                sort?: "-created" | "-host" | "-image" | "-name" | "-restarts" | "-started" | "-state" | "created" | "host" | "image" | "name" | "restarts" | "started" | "state";
                /** @description several with commas */
                state?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContainerPage"];
                };
            };
        };
    };
    containers_run: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewContainerRequest"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    enrolments_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["EnrolmentRequestRequest"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Enrolment"];
                };
            };
        };
    };
    enrolments_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                enrolment_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrolmentState"];
                };
            };
        };
    };
    events_list: {
        parameters: {
            query?: {
                action?: string;
                host?: string;
                /** @description object id */
                id?: string;
                page?: number;
                /** @description at most 500 */
                page_size?: number;
                type?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                };
            };
        };
    };
    health_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    hosts_list: {
        parameters: {
            query?: {
                page?: number;
                /** @description at most 500 */
                page_size?: number;
                q?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostPage"];
                };
            };
        };
    };
    containers_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                container_ref: string;
                host_ref: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContainerDetail"];
                };
            };
        };
    };
    containers_act: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                container_ref: string;
                host_ref: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ContainerActionRequest"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    containers_stats: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                container_ref: string;
                host_ref: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    terminals_open: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                container_ref: string;
                host_ref: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["TerminalRequestRequest"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Terminal"];
                };
            };
        };
    };
    containers_top: {
        parameters: {
            query?: {
                /** @description as docker top */
                ps_args?: string;
            };
            header?: never;
            path: {
                container_ref: string;
                host_ref: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Top"];
                };
            };
        };
    };
    images_remove: {
        parameters: {
            query?: {
                force?: string;
            };
            header?: never;
            path: {
                host_ref: string;
                image_ref: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    networks_remove: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                host_ref: string;
                network_ref: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    volumes_remove: {
        parameters: {
            query?: {
                force?: string;
            };
            header?: never;
            path: {
                host_ref: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    hosts_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                ref: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
        };
    };
    hosts_remove: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                ref: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No response body */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    hosts_change: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                ref: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["PatchedHostChangeRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
        };
    };
    images_list: {
        parameters: {
            query?: {
                /** @description id or name; several with commas */
                host?: string;
                page?: number;
                /** @description at most 500 */
                page_size?: number;
                q?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImagePage"];
                };
            };
        };
    };
    images_pull: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PullRequest"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    jobs_list: {
        parameters: {
            query?: {
                host?: string;
                page?: number;
                /** @description at most 500 */
                page_size?: number;
                q?: string;
                /** @description several with commas */
                state?: string;
                target?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobPage"];
                };
            };
        };
    };
    jobs_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                ref: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    jobs_cancel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                ref: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    jobs_output: {
        parameters: {
            query?: {
                /** @description number of the last line seen */
                after?: number;
            };
            header?: never;
            path: {
                ref: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobOutput"];
                };
            };
        };
    };
    jobs_retry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                ref: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    networks_list: {
        parameters: {
            query?: {
                /** @description id or name; several with commas */
                host?: string;
                page?: number;
                /** @description at most 500 */
                page_size?: number;
                q?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NetworkPage"];
                };
            };
        };
    };
    networks_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewNetworkRequest"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    overview_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Overview"];
                };
            };
        };
    };
    session_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
        };
    };
    session_open: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CredentialsRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
        };
    };
    session_close: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No response body */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    setup_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SetupState"];
                };
            };
        };
    };
    setup_complete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetupRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
        };
    };
    tokens_list: {
        parameters: {
            query?: {
                page?: number;
                /** @description at most 500 */
                page_size?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPage"];
                };
            };
        };
    };
    tokens_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TokenRequestRequest"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewToken"];
                };
            };
        };
    };
    tokens_revoke: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                token_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No response body */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    users_list: {
        parameters: {
            query?: {
                page?: number;
                /** @description at most 500 */
                page_size?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserPage"];
                };
            };
        };
    };
    users_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUserRequest"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
        };
    };
    users_remove: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No response body */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    users_change: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["PatchedUserChangeRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
        };
    };
    volumes_list: {
        parameters: {
            query?: {
                /** @description id or name; several with commas */
                host?: string;
                page?: number;
                /** @description at most 500 */
                page_size?: number;
                q?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VolumePage"];
                };
            };
        };
    };
    volumes_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewVolumeRequest"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
}
