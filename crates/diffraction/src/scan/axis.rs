//! What the name of an axis says.

/// What an axis label says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AxisKind {
    /// 2θ in degrees.
    TwoTheta,
    /// Surely something else.
    Other,
    /// Nothing that is known.
    Unknown,
}

/// Reads the name of a drive or of an axis, such as `2Theta-Omega`, `COUPLED`, `Phi`, `q_nm^-1`.
pub(super) fn axis_kind(label: &str) -> AxisKind {
    let key: String =
        label.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let names_two_theta = ["2theta", "twotheta", "2θ", "twoθ", "2th", "tth", "theta2"]
        .iter()
        .any(|name| key.contains(name));
    if names_two_theta {
        return if key.contains("rad") { AxisKind::Other } else { AxisKind::TwoTheta };
    }
    match key.as_str() {
        "gonio"
        | "goniometer"
        | "coupled"
        | "lockedcoupled"
        | "unlockedcoupled"
        | "unlockedcoupledhrxrd"
        | "detectorscan" => return AxisKind::TwoTheta,
        "theta" | "omega" | "phi" | "chi" | "khi" | "psi" | "x" | "y" | "z" | "zdrive"
        | "alpha" | "beta" | "ω" | "φ" | "χ" | "θ" | "rockingcurve" | "d" | "q" | "s" | "tof"
        | "energy" | "time" | "sin2psi" | "r" | "radius" | "radial" | "pixel" | "channel"
        | "aux1" | "aux2" | "aux3" | "beamtranslation" | "divergenceslit" => {
            return AxisKind::Other;
        }
        _ => {}
    }
    let others = [
        "qnm",
        "qa1",
        "qinv",
        "q1",
        "qå",
        "dspacing",
        "dvalue",
        "timeofflight",
        "rmm",
        "scatteringvector",
    ];
    if others.iter().any(|name| key.starts_with(name)) {
        return AxisKind::Other;
    }
    AxisKind::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_names_of_two_theta_are_known() {
        for name in [
            "2Theta",
            "TwoTheta",
            "2Theta-Omega",
            "TwoThetaTheta",
            "Theta-2Theta",
            "Gonio",
            "COUPLED",
            "Locked Coupled",
            "2-Theta Angle (Degrees)",
            "2th_deg",
            "2θ (°)",
        ] {
            assert_eq!(axis_kind(name), AxisKind::TwoTheta, "{name}");
        }
        for name in ["Omega", "Phi", "Theta", "q_nm^-1", "Q (1/A)", "d-spacing", "2th_rad", "TOF"] {
            assert_eq!(axis_kind(name), AxisKind::Other, "{name}");
        }
        assert_eq!(axis_kind("Intensity"), AxisKind::Unknown);
    }
}
