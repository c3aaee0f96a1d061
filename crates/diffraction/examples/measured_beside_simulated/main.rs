//! Draws measured scans beside patterns simulated with a measured profile, and says how alike they
//! are.
//!
//! ```sh
//! cargo run --release -p diffraction --example measured_beside_simulated -- DATA/scans docs/measured.svg
//! ```
//!
//! Cells and coordinates are not fitted; `phases` says where they come from. Fitted to the
//! scan are a scale for each phase, the background (seven Chebyshev coefficients and one over the
//! angle), the zero shift and the height of the sample, the instrument's constant width, and for each
//! phase crystallite size, microstrain and a March–Dollase ratio; of a fixed and an automatic divergence
//! slit the one that fits better is taken. The cosine is that of the peaks:
//! measured counts less the fitted background, against the simulated lines.

mod drawing;
mod fit;
mod phases;

use std::path::PathBuf;
use std::process::ExitCode;

use diffraction::process::{Processing, rebin};
use diffraction::scan::Scan;
use diffraction::{Grid, Structure};

use drawing::Panel;
use fit::{Fit, fit};

/// A scan and what is in the sample.
struct Sample {
    file: &'static str,
    title: &'static str,
    grid: (f64, f64, usize),
    phases: Vec<(Structure, [i32; 3])>,
}

fn samples() -> Vec<Sample> {
    vec![
        Sample {
            file: "dara_Li2CO3-ZrO2_8min.xrdml",
            title: "Li2CO3 + ZrO2",
            grid: (11.0, 0.02, 3951),
            phases: vec![(phases::li2co3(), [0, 0, 2]), (phases::zro2(), [0, 0, 1])],
        },
        Sample {
            file: "autoanalyzer_LiMnO2.xy",
            title: "LiMnO2, orthorhombic",
            grid: (11.0, 0.02, 4401),
            phases: vec![(phases::limno2(), [0, 0, 1])],
        },
    ]
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(scans), Some(output)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: measured_beside_simulated SCANS OUTPUT.svg");
        return ExitCode::from(2);
    };
    match run(&scans, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}

fn run(
    scans: &std::path::Path,
    output: &std::path::Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut panels = Vec::new();
    for sample in samples() {
        let scan = Scan::read(scans.join(sample.file))?;
        let (start, step, points) = sample.grid;
        let grid = Grid::new(start, step, points)?;
        let counts = rebin(scan.two_theta(), scan.intensities(), &grid);
        let fit = fit(&sample.phases, &grid, &counts)?;
        report(&sample, &fit, &counts, &scan);
        let caption = format!("{}: cosine of the peaks {:.4}", sample.title, fit.cosine(&counts));
        panels.push(Panel { caption, grid, counts, fit });
    }
    std::fs::write(output, drawing::svg(&panels))?;
    println!("drawn into {}", output.display());
    Ok(())
}

fn report(sample: &Sample, fit: &Fit, counts: &[f64], scan: &Scan) {
    println!("{} ({})", sample.title, sample.file);
    println!("  cosine of the peaks             {:.4}", fit.cosine(counts));
    println!("  cosine with background          {:.4}", fit.cosine_with_background(counts));
    println!("  blind, nothing fitted           {:.4}", blind(sample, scan));
    println!("  weighted residual Rwp           {:.4}", fit.weighted_residual(counts));
    let slit = if fit.variable_slit { "automatic" } else { "fixed" };
    println!("  divergence slit                 {slit}");
    println!("  zero shift                      {:+.4}°", fit.zero_shift());
    println!("  sample height / radius          {:+.5}", fit.sample_height());
    println!("  instrument's width              {:.4}°", fit.width());
    for (index, (structure, plane)) in sample.phases.iter().enumerate() {
        let (size, strain, texture) = fit.phase(index);
        println!(
            "  {:<10} scale {:9.2}  size {size:7.0} Å  strain {strain:.5}  texture {texture:.3} along {plane:?}",
            structure.name,
            fit.scale(index)
        );
    }
}

/// What no fit at all gives: the import's defaults against the default profile, phases of equal
/// height.
fn blind(sample: &Sample, scan: &Scan) -> f64 {
    let (start, step, points) = sample.grid;
    let Ok(grid) = Grid::new(start, step, points) else { return f64::NAN };
    let settings = Processing { wavelength_to: None, ..Processing::default() };
    let Ok(processed) = settings.apply(scan, sample.title, &grid) else { return f64::NAN };
    let mut sum = vec![0.0; points];
    for (structure, _) in &sample.phases {
        let Ok(lines) = fit::lines(structure, &grid, &fit::blind_profile()) else {
            return f64::NAN;
        };
        sum.iter_mut().zip(lines).for_each(|(sum, line)| *sum += line);
    }
    let counts: Vec<f64> = processed.pattern.intensities.iter().map(|&v| f64::from(v)).collect();
    fit::cosine(&counts, &sum)
}
