/** Shapes of /api/v1 and of the browser sockets, as the dashboard uses them. Times are ISO-8601 UTC, sizes bytes. */

export type HostState = 'online' | 'degraded' | 'offline' | 'unknown' | 'pending';
export type ContainerState = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
export type JobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';
export type Role = 'admin' | 'member';

export interface Page<T> {
  results: T[];
  next: string | null;
  count: number;
}

export interface Session {
  user: { id: string; username: string; role: Role };
  organisation: { name: string };
}

export interface HostRef {
  id: string;
  name: string;
  state: HostState;
}

export interface Finding {
  code: string;
  severity: string;
  title: string;
  detail: string;
  next: string;
}

/** `up`: the agent dialled in; `left`: it said goodbye; `lost`: it went silent. */
export interface LinkChange {
  at: string;
  state: 'up' | 'left' | 'lost';
}

export interface Host extends HostRef {
  since: string;
  last_seen_at: string | null;
  version: string;
  runtime: string;
  os: string;
  kernel: string;
  cpus: number | null;
  memory_bytes: number | null;
  memory_used_bytes: number | null;
  cpu_percent: number | null;
  disk_bytes: number | null;
  disk_used_bytes: number | null;
  containers_running: number;
  containers_total: number;
  labels: Record<string, string>;
  schedulable: boolean;
  findings: Finding[];
  link_history: LinkChange[];
  created_at: string;
}

/** `ok` null: not reached yet. */
export interface EnrolmentStep {
  step: 'token' | 'enrolled' | 'linked' | 'checked';
  ok: boolean | null;
  detail: string;
}

/** Shown once: the secret and the line to run. */
export interface Enrolment {
  id: string;
  token: string;
  command: string;
  expires_at: string;
}

export interface EnrolmentProgress {
  id: string;
  state: 'waiting' | 'used' | 'expired';
  host: HostRef | null;
  expires_at: string;
  steps: EnrolmentStep[];
}

export interface PublishedPort {
  ip: string | null;
  private: number;
  public: number | null;
  type: string;
}

export interface ContainerMount {
  type: string;
  name: string;
  source: string;
  destination: string;
  read_only: boolean;
}

export interface Pending {
  action: string;
  job_id: string;
}

export interface Container {
  id: string;
  host: HostRef;
  name: string;
  image: string;
  image_id: string;
  command: string;
  state: ContainerState;
  status: string;
  health: string | null;
  exit_code: number | null;
  created_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  ports: PublishedPort[];
  labels: Record<string, string>;
  networks: string[];
  mounts: ContainerMount[];
  restart_policy: string;
  restart_count: number;
  stale: boolean;
  as_of: string | null;
  pending: Pending | null;
}

export interface ContainerPage extends Page<Container> {
  facets: { state: Record<string, number>; host: Record<string, number> };
}

/** `inspect` is null while the host cannot be asked. */
export interface ContainerDetail extends Container {
  inspect: DockerInspect | null;
}

/** The parts of Docker's own inspect answer that the overview reads; the Inspect tab shows all of it. */
export interface DockerInspect {
  Config?: {
    Env?: string[] | null;
    Cmd?: string[] | null;
    Entrypoint?: string[] | null;
    User?: string;
    WorkingDir?: string;
    Hostname?: string;
    Tty?: boolean;
    StopSignal?: string;
    Labels?: Record<string, string> | null;
    Healthcheck?: { Test?: string[]; Interval?: number; Timeout?: number; Retries?: number };
  };
  HostConfig?: {
    Memory?: number;
    NanoCpus?: number;
    CpuShares?: number;
    PidsLimit?: number | null;
    RestartPolicy?: { Name?: string; MaximumRetryCount?: number };
    AutoRemove?: boolean;
    Privileged?: boolean;
    NetworkMode?: string;
  };
  State?: {
    Status?: string;
    ExitCode?: number;
    Error?: string;
    OOMKilled?: boolean;
    Pid?: number;
    StartedAt?: string;
    FinishedAt?: string;
    Health?: { Status?: string; FailingStreak?: number; Log?: { Start: string; End: string; ExitCode: number; Output: string }[] };
  };
  NetworkSettings?: {
    Networks?: Record<string, { IPAddress?: string; Aliases?: string[] | null; Gateway?: string; MacAddress?: string }>;
    Ports?: Record<string, { HostIp: string; HostPort: string }[] | null>;
  };
  Mounts?: { Type: string; Name?: string; Source: string; Destination: string; RW: boolean; Mode?: string }[];
  Image?: string;
  Path?: string;
  Args?: string[];
  LogPath?: string;
  RestartCount?: number;
  [key: string]: unknown;
}

export interface ApiProblem {
  code: string;
  what: string;
  why: string;
  next: string;
  message: string;
  request_id?: string;
}

export interface Job {
  id: string;
  number: number;
  kind: string;
  title: string;
  state: JobState;
  host: HostRef | null;
  target: Target;
  actor: string;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  /** 0 to 1. */
  progress: number | null;
  error: ApiProblem | null;
  result: unknown;
  retryable: boolean;
  attempts: number;
}

export interface Target {
  type: string;
  id: string;
  name: string;
}

export interface OutputLine {
  n: number;
  at: string;
  stream: string;
  text: string;
}

export interface Attention {
  kind: string;
  severity: string;
  title: string;
  detail: string;
  since: string | null;
  host: HostRef | null;
  container_id: string | null;
  job_id: string | null;
  /** The id of the one thing to do next. */
  action: string;
}

/** A Docker event of one host. */
export interface FleetEvent {
  at: string;
  host: HostRef;
  type: string;
  action: string;
  id: string;
  name: string;
  image: string;
  exit_code: string;
}

export interface Overview {
  hosts: { online: number; degraded: number; offline: number; unknown: number; pending: number; total: number };
  containers: { running: number; exited: number; paused: number; restarting: number; unhealthy: number; total: number };
  attention: Attention[];
  recent_jobs: Job[];
  recent_events: FleetEvent[];
  capacity: {
    cpus: number;
    memory_bytes: number;
    memory_used_bytes: number;
    disk_bytes: number;
    disk_used_bytes: number;
  };
}

export interface Image {
  id: string;
  host: HostRef;
  tags: string[];
  digests: string[];
  size_bytes: number;
  created_at: string | null;
  containers: number | null;
  labels: Record<string, string>;
  stale: boolean;
}

export interface Volume {
  name: string;
  host: HostRef;
  driver: string;
  mountpoint: string;
  created_at: string | null;
  labels: Record<string, string>;
  options: Record<string, string>;
  used_by: string[];
  stale: boolean;
}

export interface Network {
  id: string;
  name: string;
  host: HostRef;
  driver: string;
  scope: string;
  subnets: string[];
  internal: boolean;
  created_at: string | null;
  labels: Record<string, string>;
  used_by: string[];
  stale: boolean;
}

export interface ApiToken {
  id: string;
  name: string;
  prefix: string;
  created_at: string;
  last_used_at: string | null;
  expires_at: string | null;
}

/** A token with its secret: shown this once. */
export interface NewApiToken extends ApiToken {
  token: string;
}

export interface User {
  id: string;
  username: string;
  role: Role;
  is_active: boolean;
  created_at: string;
  last_login: string | null;
}

export interface AuditEntry {
  id: number;
  at: string;
  actor: string;
  actor_type: string;
  method: string;
  source: string;
  action: string;
  target: Target;
  host_id: string | null;
  host_name: string;
  request_id: string;
  job_id: string | null;
  decision: string;
  detail: string;
  /** Null: under way, or cut off. */
  result: string | null;
}

export interface RunRequest {
  host: string;
  image: string;
  name?: string;
  command?: string[];
  entrypoint?: string[];
  env?: string[];
  ports?: { host_ip?: string; host_port?: number | null; container_port: number; protocol: string }[];
  volumes?: { source: string; target: string; read_only: boolean }[];
  restart_policy?: { name: string; max_retry?: number };
  memory_bytes?: number;
  nano_cpus?: number;
  labels?: Record<string, string>;
  tty?: boolean;
  open_stdin?: boolean;
  user?: string;
  workdir?: string;
  network?: string;
  hostname?: string;
  auto_remove?: boolean;
  privileged?: boolean;
  start: boolean;
  pull: 'missing' | 'always' | 'never';
}

export interface StatsSample {
  t: string;
  cpu_percent: number;
  memory_bytes: number;
  memory_limit_bytes: number;
  rx_bytes: number;
  tx_bytes: number;
  read_bytes: number;
  write_bytes: number;
  pids: number;
}

export interface TopResult {
  titles: string[];
  processes: string[][];
}

/** What /ws/events sends: something changed, ask again. */
export interface Hint {
  type: 'hello' | 'ping' | 'container' | 'host' | 'job' | 'image' | 'network' | 'volume';
  host?: string | null;
  id?: string | null;
  version?: number;
}
