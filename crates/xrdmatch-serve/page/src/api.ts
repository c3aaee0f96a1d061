// The interface of the server, in the types of its answers.

export interface Spread { count: number; mean: number; sd: number; min: number; max: number }

export interface About {
  version: string;
  run: string | null;
  candidates: boolean;
  body_bytes: number;
  file_bytes: number;
  json_bytes: number;
  files: number;
  patterns: number;
}

export interface Listed {
  id: string;
  state: "running" | "complete" | "interrupted" | "empty" | null;
  created: string | null;
  program: string | null;
  algorithm: string | null;
  epochs: number | null;
  complete: number;
  incomplete: number;
  macro_f1: Spread | null;
  auc: Spread | null;
  problem: string | null;
}

export interface Neighbour { name: string; cosine: number; label: number | null; conductivity: number | null }

export interface Analysed {
  file: string;
  kind: "structure" | "scan" | "table";
  notes: string[];
  name: string;
  formula: string | null;
  label: number | null;
  probability: number | null;
  lower: number | null;
  upper: number | null;
  score: number;
  votes: number;
  members: number;
  candidate: boolean;
  strangeness: number | null;
  outlier: boolean | null;
  twin_of: string | null;
  nearest: Neighbour[];
}

export interface Refused { file: string; message: string }

export interface Analysis {
  id: string;
  run: string;
  made: string;
  members: number;
  patterns: Analysed[];
  refused: Refused[];
}

export interface PatternDetail { pattern: Analysed; charts: ChartData[] }

export interface Planes { hkl: [number, number, number]; two_theta: number; d: number; intensity: number }

export interface Reason {
  two_theta: number;
  d: number | null;
  height: number;
  attribution: number;
  spread: number;
  occlusion: number;
  agreeing: number;
  named: boolean;
  planes: Planes[];
}

export interface Explanation {
  members: number;
  log_odds: number;
  spread: number;
  baseline: number;
  method: "integrated-gradients" | "shapley-values";
  miss: number;
  sampling_error: number | null;
  reasons: Reason[];
  check: { peaks: number; named: number; random: number; random_range: [number, number]; draws: number; p_value: number } | null;
}

export interface ExplanationDetail { explanation: Explanation; charts: ChartData[] }

export interface Candidate {
  index: number;
  rank: number;
  name: string;
  formula: string | null;
  probability: number | null;
  interval: [number, number] | null;
  votes: string | null;
  strangeness: number | null;
  nearest: Neighbour[];
  more: string[];
}

export interface CandidatePage {
  source: string;
  notes: string[];
  columns: string[];
  total: number;
  matched: number;
  offset: number;
  rows: Candidate[];
}

export interface CandidateDetail { candidate: Candidate; charts: ChartData[]; peaks: [number, number][] }

export interface ExperimentRow {
  experiment: number;
  state: string;
  macro_f1: number | null;
  auc: number | null;
  accuracy: number | null;
  held_out_macro_f1: number | null;
  best_macro_f1: number | null;
  best_epoch: number | null;
  seconds: number | null;
}

export interface TrainingView { charts: ChartData[]; experiments: ExperimentRow[] }

export interface Headline {
  name: string;
  value: number;
  interval: [number, number] | null;
  reference: number | null;
  reference_name: string;
  note: string;
  optimistic: boolean;
}

export interface RunView {
  name: string;
  headlines: Headline[];
  sentences: string[];
  warnings: string[];
  ranking: { charts: ChartData[] } | null;
  compounds: { chart: ChartData | null } | null;
}

export interface Models {
  members: number;
  unfinished: number;
  labeled: number;
  sticks: boolean;
  preparation: string;
  outliers: { threshold: number; rate: number } | null;
  notes: string[];
}

/** A refusal, in the server's words. */
export class Refusal extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

async function answer<T>(response: Response): Promise<T> {
  if (response.ok) return response.json() as Promise<T>;
  let code = "failed", message = `the server answers ${response.status}`;
  try {
    ({ code, message } = await response.json());
  } catch {
    // No words of its own: those above stand.
  }
  throw new Refusal(response.status, code, message);
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(`/api/v1/${path}`, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(0, "unreachable", "the server does not answer; is it still running?");
  }
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return answer<T>(await ask(path, signal ? { signal } : {}));
}

export async function send(files: File[], run: string, wavelength: string, signal: AbortSignal): Promise<Analysis> {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  const query = new URLSearchParams({ run, wavelength });
  return answer<Analysis>(await ask(`analyses?${query}`, { method: "POST", body: form, signal }));
}

export const isAbort = (error: unknown) => error instanceof DOMException && error.name === "AbortError";

export const inWords = (error: unknown) => (error instanceof Error ? error.message : String(error));
