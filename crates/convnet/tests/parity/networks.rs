//! Whole networks: a step and everything in it, and where steps lead.

use convnet::{
    AdamW, Architecture, Decay, Matrix, Mode, Network, Stream, Tensor, Tensors, Weights,
};

use crate::formula;
use crate::golden::Golden;
use crate::report::{AFTER_STEPS, GRADIENTS, LOGITS, RUNS, Report, SECOND_MOMENT, STATISTICS};
use crate::{device, instruction_sets};

#[test]
fn paper_at_4501_points_agrees_with_pytorch_on_every_instruction_set() {
    instruction_sets::run_on_each("networks::agrees_with_pytorch", "paper_4501");
}

#[test]
fn vgg11_at_97_points_agrees_with_pytorch_on_every_instruction_set() {
    instruction_sets::run_on_each("networks::agrees_with_pytorch", "vgg11_97");
}

#[test]
fn paper_is_bitwise_the_same_on_1_2_3_and_8_threads_on_every_instruction_set() {
    instruction_sets::run_on_each(
        "networks::is_bitwise_the_same_on_1_2_3_and_8_threads",
        "paper_4501",
    );
}

#[test]
fn vgg11_is_bitwise_the_same_on_1_2_3_and_8_threads_on_every_instruction_set() {
    instruction_sets::run_on_each(
        "networks::is_bitwise_the_same_on_1_2_3_and_8_threads",
        "vgg11_97",
    );
}

#[test]
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn vgg11_at_97_points_agrees_with_pytorch_on_a_graphics_processor() {
    device::run_elsewhere("networks::agrees_with_pytorch", "vgg11_97");
}

#[test]
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn paper_at_4501_points_agrees_with_pytorch_on_a_graphics_processor() {
    device::run_elsewhere("networks::agrees_with_pytorch", "paper_4501");
}

#[test]
fn both_sides_compute_the_same_start_values() {
    let golden = Golden::read("parity_paper_4501");
    // The first sixteen numbers of each rule as Python has them.
    let bits = |name: &str| golden.get(name).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let widen = |x: &[f32]| x.iter().map(|&x| f64::from(x).to_bits()).collect::<Vec<_>>();
    assert_eq!(bits("formula/spread"), widen(&formula::spread("a", 16, 0.5, 0.3)));
    assert_eq!(bits("formula/sticks"), widen(formula::sticks("a", 2, 97).as_slice()));
    assert_eq!(bits("formula/measured"), widen(formula::measured("a", 2, 97).as_slice()));
    let long: Vec<f64> = formula::spread("a", 5000, 0.5, 0.3).into_iter().map(f64::from).collect();
    let kept = formula::kept("a", &long);
    let distance = formula::kept_distance(long.len(), &kept, golden.get("formula/kept"));
    assert!(distance < 1e-9, "{distance}");
}

#[test]
#[ignore = "one case on one instruction set; run by the tests above in a process of its own"]
fn agrees_with_pytorch() {
    let Some(name) = instruction_sets::case_of_this_process() else { return };
    let case = Case::read(&name);
    let mut report = Report::new(&case.golden);
    let [first, rest @ ..] = RUNS;
    case.compare_first_step(first, &mut report);
    for run in rest {
        case.compare_steps(run, &mut report);
    }
    report.close();
}

#[test]
#[ignore = "one case on one instruction set; run by the tests above in a process of its own"]
fn is_bitwise_the_same_on_1_2_3_and_8_threads() {
    let Some(name) = instruction_sets::case_of_this_process() else { return };
    let case = Case::read(&name);
    let outcome = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| case.two_steps_with_dropout())
    };
    let one = outcome(1);
    for threads in [2, 3, 8] {
        let other = outcome(threads);
        assert_eq!(one.len(), other.len());
        for (name, tensor) in &one {
            let bits = |t: &Tensor| t.data.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            let same = bits(tensor) == bits(&other[name]);
            assert!(same, "{name} differs between 1 and {threads} threads");
        }
    }
}

/// A golden file and the network it is about.
struct Case {
    golden: Golden,
    architecture: Architecture,
    length: usize,
}

impl Case {
    fn read(name: &str) -> Self {
        let golden = Golden::read(&format!("parity_{name}"));
        let preset: String = golden.setting("preset");
        let architecture = Architecture::preset(&preset).expect("a preset");
        let length = golden.setting("length");
        Self { golden, architecture, length }
    }

    /// The name of a stream of numbers of this case, for [`formula`].
    fn label(&self, what: &str) -> String {
        self.golden.setting::<String>("label") + what
    }

    /// The network with the case's start values; they come with it.
    fn network(&self, architecture: Architecture) -> (Box<dyn Network>, Tensors) {
        let mut network = device::network(architecture, self.length);
        let start = formula::parameters(&self.label(""), &network.weights(Weights::Current));
        network.load(&start).expect("weights of this network");
        (network, start)
    }

    fn sticks(&self, stream: &str, step: usize) -> Matrix {
        let batch = self.golden.setting(stream);
        formula::sticks(&self.label(&format!("{stream}/{step}")), batch, self.length)
    }

    fn evaluation(&self) -> Matrix {
        let batch = self.golden.setting("evaluation");
        formula::sticks(&self.label("evaluation"), batch, self.length)
    }

    fn adamw(&self, run: &str) -> AdamW {
        let decays: String = self.golden.setting(&format!("{run}/decays"));
        AdamW {
            learning_rate: self.golden.setting(&format!("{run}/learning rate")),
            beta1: 0.9,
            beta2: 0.999,
            epsilon: self.golden.setting(&format!("{run}/epsilon")),
            weight_decay: self.golden.setting(&format!("{run}/weight decay")),
            decay: if decays == "all" { Decay::All } else { Decay::WeightsOnly },
            average: Some(self.golden.setting("average")),
        }
    }

    /// Step `step`: a labelled pass, a weak one without a gradient, a strong one with fixed
    /// pseudo-labels and mask. Gives the logits of the three and both losses.
    fn step(&self, network: &mut dyn Network, step: usize, optimizer: &AdamW) -> StepOutcome {
        let signals = ["labelled", "weak", "strong"].map(|stream| self.sticks(stream, step));
        let of = |what: &str| self.label(&format!("{what}/{step}"));
        let labels = formula::classes(&of("labels"), signals[0].rows());
        let pseudo_labels = formula::classes(&of("pseudo-labels"), signals[2].rows());
        let mask = formula::mask(&of("mask"), signals[2].rows());
        let streams: Vec<Stream<'_>> = signals
            .iter()
            .enumerate()
            .map(|(i, signals)| Stream {
                signals,
                mode: Mode::Train { dropout_seed: (3 * step + i) as u64 },
                gradient: i != 1,
            })
            .collect();
        let mut outcome = None;
        network.learn(&streams, optimizer, &mut |logits| {
            let everyone = vec![true; labels.len()];
            let (supervised, labelled) = cross_entropy(&logits[0], &labels, &everyone);
            let (unsupervised, strong) = cross_entropy(&logits[2], &pseudo_labels, &mask);
            outcome = Some(StepOutcome { logits: logits.to_vec(), supervised, unsupervised });
            vec![Some(labelled), None, Some(strong)]
        });
        outcome.expect("`learn` asks for the gradient")
    }

    /// Everything a step computes before the optimizer, and where the one step of `run` leads.
    fn compare_first_step(&self, run: &str, report: &mut Report<'_>) {
        let (mut network, start) = self.network(self.architecture.clone().without_dropout());
        let logits = network.infer(&self.evaluation(), Weights::Current);
        report.compare("logits/initial", &matrix(&logits), LOGITS);
        let label: String = self.golden.setting("measured");
        let measured = formula::measured(&label, 1, self.length);
        let gradient = network.input_gradient(&measured, 0, Weights::Current);
        report.compare("input gradient", &matrix(&gradient), GRADIENTS);

        let outcome = self.step(network.as_mut(), 0, &self.adamw(run));
        for (stream, logits) in ["labelled", "weak", "strong"].into_iter().zip(&outcome.logits) {
            report.compare(&format!("logits/{stream}"), &matrix(logits), LOGITS);
        }
        report.compare("loss/supervised", &[outcome.supervised], LOGITS);
        report.compare("loss/unsupervised", &[outcome.unsupervised], LOGITS);

        let state = network.optimizer_state();
        for name in self.golden.names("gradient") {
            let Tensor { data, .. } = &state[&format!("exp_avg.{name}")];
            // After the first step the first moment is (1 − β₁) g.
            let gradient: Vec<f64> = data.iter().map(|&x| f64::from(x) / 0.1).collect();
            let scale = self.scale_of_bias("gradient", name, &start);
            report.compare_to_scale(&format!("gradient/{name}"), &gradient, GRADIENTS, scale);
        }
        self.compare_run(run, network.as_mut(), &start, report);

        // The same statistics, the weights of before.
        let mut weights = network.weights(Weights::Current);
        for name in self.golden.names("statistics") {
            let data = widen(&weights[name].data);
            report.compare(&format!("statistics/{name}"), &data, STATISTICS);
        }
        for name in self.golden.names("gradient") {
            weights.insert(name.to_owned(), start[name].clone());
        }
        network.load(&weights).expect("weights of this network");
        let logits = network.infer(&self.evaluation(), Weights::Current);
        report.compare("logits/after statistics", &matrix(&logits), LOGITS);
    }

    /// What errors in the gradient of a convolution's bias are relative to: the gradient of its
    /// weights, because its own is zero. None for other parameters.
    fn scale_of_bias(&self, group: &str, name: &str, start: &Tensors) -> Option<f64> {
        let weight = format!("{}weight", name.strip_suffix("bias")?);
        let Tensor { shape, data } = &start[&weight];
        let golden = self.golden.get(&format!("{group}/{weight}"));
        (shape.len() == 3).then(|| formula::kept_norm(data.len(), golden))
    }

    /// Where the steps of `run` lead.
    fn compare_steps(&self, run: &str, report: &mut Report<'_>) {
        let (mut network, start) = self.network(self.architecture.clone().without_dropout());
        let optimizer = self.adamw(run);
        for step in 0..self.golden.setting(&format!("{run}/steps")) {
            self.step(network.as_mut(), step, &optimizer);
        }
        self.compare_run(run, network.as_mut(), &start, report);
    }

    /// Weights, their average, moments, statistics and logits at the end of a run.
    fn compare_run(
        &self,
        run: &str,
        network: &mut dyn Network,
        start: &Tensors,
        report: &mut Report<'_>,
    ) {
        for (which, record) in [(Weights::Current, "moved"), (Weights::Average, "average moved")] {
            let weights = network.weights(which);
            for name in self.golden.names(&format!("{run}/moved")) {
                let pairs = weights[name].data.iter().zip(&start[name].data);
                let moved: Vec<f64> = pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)).collect();
                let norm = self.golden.get(&format!("{run}/norm/{name}"))[0];
                report.compare_movement(&format!("{run}/{record}/{name}"), &moved, norm);
            }
        }
        let state = network.optimizer_state();
        let group = format!("{run}/second moment");
        for name in self.golden.names(&group) {
            let moment = widen(&state[&format!("exp_avg_sq.{name}")].data);
            let scale = self.scale_of_bias(&group, name, start);
            report.compare_to_scale(&format!("{group}/{name}"), &moment, SECOND_MOMENT, scale);
        }
        let weights = network.weights(Weights::Current);
        for name in self.golden.names(&format!("{run}/statistics")) {
            let data = widen(&weights[name].data);
            report.compare(&format!("{run}/statistics/{name}"), &data, AFTER_STEPS);
        }
        let logits = network.infer(&self.evaluation(), Weights::Current);
        report.compare(&format!("{run}/logits"), &matrix(&logits), AFTER_STEPS);
    }

    /// Two steps with dropout and an average; everything that comes out.
    fn two_steps_with_dropout(&self) -> Tensors {
        let (mut network, _) = self.network(self.architecture.clone());
        let mut all = Tensors::new();
        let mut keep = |name: String, logits: &Matrix| {
            let shape = vec![logits.rows(), logits.cols()];
            all.insert(name, Tensor { shape, data: logits.as_slice().to_vec() });
        };
        for step in 0..2 {
            let outcome = self.step(network.as_mut(), step, &self.adamw(RUNS[0]));
            for (stream, logits) in outcome.logits.iter().enumerate() {
                keep(format!("step {step}, logits of stream {stream}"), logits);
            }
        }
        let signals = self.evaluation();
        keep("logits".into(), &network.infer(&signals, Weights::Current));
        keep("embedding".into(), &network.embed(&signals, Weights::Current));
        keep("input gradient".into(), &network.input_gradient(&signals, 1, Weights::Average));
        let groups = [
            ("current", network.weights(Weights::Current)),
            ("average", network.weights(Weights::Average)),
            ("optimizer", network.optimizer_state()),
        ];
        for (group, tensors) in groups {
            all.extend(tensors.into_iter().map(|(name, t)| (format!("{group}/{name}"), t)));
        }
        all
    }
}

/// What a step told its objective.
struct StepOutcome {
    logits: Vec<Matrix>,
    supervised: f64,
    unsupervised: f64,
}

/// Mean over the batch of the cross-entropies where `counts`, and its gradient by the logits.
fn cross_entropy(logits: &Matrix, classes: &[usize], counts: &[bool]) -> (f64, Matrix) {
    let batch = logits.rows();
    let mut gradient = Matrix::zeros(batch, logits.cols());
    let mut loss = 0.0;
    for row in (0..batch).filter(|&row| counts[row]) {
        let values = widen(logits.row(row));
        let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = values.iter().map(|x| (x - highest).exp()).sum();
        loss += (total.ln() + highest - values[classes[row]]) / batch as f64;
        for (class, (slot, x)) in gradient.row_mut(row).iter_mut().zip(&values).enumerate() {
            let truth = if class == classes[row] { 1.0 } else { 0.0 };
            *slot = (((x - highest).exp() / total - truth) / batch as f64) as f32;
        }
    }
    (loss, gradient)
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

fn matrix(values: &Matrix) -> Vec<f64> {
    widen(values.as_slice())
}
