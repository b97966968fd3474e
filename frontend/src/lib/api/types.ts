/**
 * Shapes of /api/v1 under short names, from the generated OpenAPI types, and those of the sockets and of Docker's own
 * answers, which the document does not describe. Times are ISO-8601 UTC, sizes bytes.
 */
import type { components } from '@/lib/generated/api';

type Schemas = components['schemas'];

/** The envelope of every list. */
export interface Page<T> {
  results: T[];
  next: string | null;
  count: number;
}

export type Session = Schemas['Session'];
export type Role = Schemas['User']['role'];
export type User = Schemas['User'];
export type ApiToken = Schemas['Token'];
/** A token with its secret: shown this once. */
export type NewApiToken = Schemas['NewToken'];

export type HostRef = Schemas['HostRef'];
export type HostState = HostRef['state'];
export type Host = Schemas['Host'];
export type Finding = Schemas['Finding'];
/** `up`: the agent dialled in; `left`: it said goodbye; `lost`: it went silent. */
export type LinkChange = Schemas['LinkEvent'];
/** The secret and the line to run: shown this once. */
export type Enrolment = Schemas['Enrolment'];
export type EnrolmentProgress = Schemas['EnrolmentState'];
/** `ok` null: not reached yet. */
export type EnrolmentStep = Schemas['EnrolmentStep'];

export type Container = Schemas['Container'];
export type ContainerState = Container['state'];
export type ContainerMount = Schemas['Mount'];
export type PublishedPort = Schemas['Port'];
export type ContainerPage = Schemas['ContainerPage'];
export type RunRequest = Schemas['NewContainerRequest'];
export type TopResult = Schemas['Top'];
/** A ticket for /ws/terminal, and the session to come back to. */
export type TerminalTicket = Schemas['Terminal'];

/** `inspect` is null while the host cannot be asked. */
export interface ContainerDetail extends Container {
  inspect: DockerInspect | null;
}

export type Image = Schemas['Image'];
export type Volume = Schemas['Volume'];
export type Network = Schemas['Network'];

export type Job = Schemas['Job'];
export type JobState = Job['state'];
export type OutputLine = Schemas['JobLine'];
export type JobOutput = Schemas['JobOutput'];
export type AuditEntry = Schemas['Audit'];

export type Overview = Schemas['Overview'];
export type Attention = Schemas['Attention'];
/** A Docker event of one host. */
export type FleetEvent = Schemas['Event'];
export type Health = Schemas['Health'];

/** What went wrong, as the API says it in every error and in a failed job. */
export interface ApiProblem {
  code: string;
  what: string;
  why: string;
  next: string;
  message: string;
  request_id?: string;
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

/** What /ws/events sends: something changed, ask again. */
export interface Hint {
  type: 'hello' | 'ping' | 'container' | 'host' | 'job' | 'image' | 'network' | 'volume';
  host?: string | null;
  id?: string | null;
  version?: number;
}
