//! The engine against PyTorch: golden files in double precision, which scripts in `golden/` made.
//!
//! Every case runs in a process of its own per instruction set, because the engine chooses one when
//! it starts (`XRDMATCH_ISA`), and in one more on a graphics processor, or software that imitates one,
//! where the engine for those is built (feature `wgpu` or `cuda`). What is compared and why to these limits stands in
//! `golden/README.md`.

mod device;
mod formula;
mod golden;
mod instruction_sets;
mod layers;
mod networks;
mod report;
