//! Grids on the command line.

use diffraction::Grid;

/// Reads START:STEP:STOP, degrees two-theta.
pub(crate) fn parse_grid(text: &str) -> Result<Grid, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let [start, step, stop] = parts[..] else {
        return Err("expected START:STEP:STOP, for example 10:0.02:80".to_owned());
    };
    let number =
        |text: &str| text.trim().parse::<f64>().map_err(|_| format!("`{text}` is not a number"));
    let (start, step, stop) = (number(start)?, number(step)?, number(stop)?);
    Grid::spanning(start, step, stop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_read_from_its_first_angle_step_and_last_angle() {
        assert_eq!(parse_grid("0:0.02:90"), Ok(Grid::published()));
        let grid = parse_grid(" 10 : 0.03 : 10.1 ").expect("a grid");
        assert_eq!((grid.start(), grid.step(), grid.points()), (10.0, 0.03, 4));
        for bad in ["", "0:0.02", "0:0:90", "0:-1:90", "90:0.1:10", "0:1e-9:90", "a:1:2", "0:nan:9"]
        {
            assert!(parse_grid(bad).is_err(), "{bad}");
        }
    }
}
