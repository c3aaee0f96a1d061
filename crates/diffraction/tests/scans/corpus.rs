//! Small files of every format, written here from known points.

use std::io::{Cursor, Write};

use diffraction::scan::ScanFormat;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A file and the points that it holds.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) format: ScanFormat,
    pub(crate) bytes: Vec<u8>,
    pub(crate) two_theta: Vec<f64>,
    pub(crate) intensities: Vec<f64>,
}

/// Number of points of each sample.
const POINTS: usize = 24;
const START: f64 = 10.0;
const STEP: f64 = 0.25;

pub(crate) fn angle(index: usize) -> f64 {
    START + STEP * index as f64
}

/// A peak on a background, in whole counts.
pub(crate) fn counts(index: usize) -> u32 {
    20 + (500.0 * (-((index as f64 - 9.0) / 2.0).powi(2)).exp()) as u32
}

fn rows(separator: &str) -> String {
    (0..POINTS).map(|i| format!("{}{separator}{}\n", angle(i), counts(i))).collect()
}

fn list() -> String {
    (0..POINTS).map(|i| counts(i).to_string()).collect::<Vec<_>>().join(" ")
}

/// Files of every format that is read, all with the same points.
pub(crate) fn samples() -> Vec<Sample> {
    let sample = |name, format, bytes| Sample {
        name,
        format,
        bytes,
        two_theta: (0..POINTS).map(angle).collect(),
        intensities: (0..POINTS).map(|i| f64::from(counts(i))).collect(),
    };
    let text = |name, format, text: String| sample(name, format, text.into_bytes());
    let mut latin1 = "# Probe: Größe 5 µm\n".chars().map(|c| c as u32 as u8).collect::<Vec<_>>();
    latin1.extend(rows("\t").into_bytes());
    vec![
        text("plain.xy", ScanFormat::Columns, rows(" ")),
        sample("latin1.xy", ScanFormat::Columns, latin1),
        text("comma.csv", ScanFormat::Columns, format!("Angle,Intensity\n{}", rows(","))),
        text("semicolon.csv", ScanFormat::Columns, rows(";").replace('.', ",")),
        text("three.xye", ScanFormat::Columns, rows(" ").replace('\n', " 2.5\r\n")),
        text("list.dat", ScanFormat::StepList, step_list()),
        text("fit2d.chi", ScanFormat::Chi, chi()),
        text("scan.xrdml", ScanFormat::Xrdml, xrdml()),
        text("scan.uxd", ScanFormat::Uxd, uxd()),
        text("scan.ras", ScanFormat::Ras, ras()),
        text("rigaku.dat", ScanFormat::RigakuDat, rigaku_dat()),
        text("std.gsa", ScanFormat::Gsas, gsas_std()),
        text("esd.gsa", ScanFormat::Gsas, gsas_esd()),
        text("scan.fxye", ScanFormat::Gsas, gsas_fxye()),
        text("scan.cif", ScanFormat::PdCif, pdcif()),
        sample("scan.brml", ScanFormat::Brml, brml()),
        sample("scan.rasx", ScanFormat::Rasx, rasx()),
        sample("one.raw", ScanFormat::BrukerRaw1, bruker_raw_1()),
        sample("two.raw", ScanFormat::BrukerRaw2, bruker_raw_2()),
        sample("three.raw", ScanFormat::BrukerRaw3, bruker_raw_3()),
        sample("four.raw", ScanFormat::BrukerRaw4, bruker_raw_4()),
        sample("rigaku.raw", ScanFormat::RigakuRaw, rigaku_raw()),
        sample("stoe.raw", ScanFormat::StoeRaw, stoe_raw()),
    ]
}

fn step_list() -> String {
    format!("{START} {STEP} {} a mixture\n{}\n", angle(POINTS - 1), list().replace(" 20 ", "\n20 "))
}

fn chi() -> String {
    format!("a mixture\n2-Theta Angle (Degrees)\nIntensity\n{POINTS:8}\n{}", rows("  "))
}

pub(crate) fn xrdml() -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <xrdMeasurements xmlns=\"http://www.xrdml.com/XRDMeasurement/1.5\" status=\"Completed\">\
         <sample><id>7</id><name>a &amp; b</name></sample><xrdMeasurement><usedWavelength>\
         <kAlpha1>1.5405980</kAlpha1><kAlpha2>1.5444260</kAlpha2>\
         <ratioKAlpha2KAlpha1>0.5</ratioKAlpha2KAlpha1></usedWavelength>\
         <scan scanAxis=\"Gonio\"><dataPoints><positions axis=\"2Theta\" unit=\"deg\">\
         <startPosition>{START}</startPosition><endPosition>{}</endPosition></positions>\
         <commonCountingTime unit=\"seconds\">1.5</commonCountingTime>\
         <intensities unit=\"counts\">{}</intensities></dataPoints></scan></xrdMeasurement>\
         </xrdMeasurements>",
        angle(POINTS - 1),
        list()
    )
}

fn uxd() -> String {
    format!(
        "; written for a test\n_FILEVERSION=2\n_SAMPLE='a mixture'\n_WL1=1.540600\n_WL2=1.544390\n\
         _WLRATIO=0.5\n_ANODE='Cu'\n_DRIVE='COUPLED'\n_STEPTIME=1.5\n_STEPSIZE={STEP}\n\
         _START={START}\n_COUNTS\n{}\n",
        list()
    )
}

fn ras() -> String {
    format!(
        "*RAS_DATA_START\n*RAS_HEADER_START\n*FILE_SAMPLE \"a mixture\"\n\
         *HW_XG_WAVE_LENGTH_ALPHA1 \"1.540593\"\n*HW_XG_WAVE_LENGTH_ALPHA2 \"1.544414\"\n\
         *MEAS_DATA_COUNT \"{POINTS}\"\n*MEAS_SCAN_AXIS_X \"TwoThetaTheta\"\n\
         *MEAS_SCAN_UNIT_Y \"counts\"\n*RAS_HEADER_END\n*RAS_INT_START\n{}*RAS_INT_END\n\
         *RAS_DATA_END\n",
        rows(" ").replace('\n', " 1.0000\n")
    )
}

fn rigaku_dat() -> String {
    format!(
        "*TYPE = Raw\n*SAMPLE = a mixture\n*GROUP_COUNT = 1\n*BEGIN\n*GROUP = 0\n*START = {START}\n\
         *STOP = {}\n*STEP = {STEP}\n*COUNT = {POINTS}\n{}\n*END\n*EOF\n",
        angle(POINTS - 1),
        list().replace(' ', ", ")
    )
}

fn bank(kind: &str) -> String {
    format!("a mixture\nBANK 1 {POINTS} 3 CONST {} {} 0 0 {kind}\n", START * 100.0, STEP * 100.0)
}

fn gsas_std() -> String {
    let fields = |range: std::ops::Range<usize>| -> String {
        range.map(|i| format!(" 1{:6}", counts(i))).collect::<String>() + "\n"
    };
    bank("STD") + &fields(0..10) + &fields(10..20) + &fields(20..POINTS)
}

fn gsas_esd() -> String {
    let pairs: Vec<String> = (0..POINTS).map(|i| format!("{:8}{:8.1}", counts(i), 2.5)).collect();
    bank("ESD") + &pairs.chunks(5).map(|line| line.concat() + "\n").collect::<String>()
}

fn gsas_fxye() -> String {
    let row = |i| format!("{:15.6}{:15}{:10.3}\n", angle(i) * 100.0, counts(i), 2.5);
    bank("FXYE") + &(0..POINTS).map(row).collect::<String>()
}

fn pdcif() -> String {
    format!(
        "data_mixture\n_diffrn_radiation_wavelength 1.5406(1)\n_pd_meas_2theta_range_min {START}\n\
         _pd_meas_2theta_range_max {}\n_pd_meas_2theta_range_inc {STEP}\nloop_\n\
         _pd_meas_counts_total\n{}\n",
        angle(POINTS - 1),
        list().replace(' ', "\n")
    )
}

/// A zip archive of these members.
pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a new member");
        zip.write_all(content).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

pub(crate) fn brml_raw_data() -> String {
    let rows: String = (0..POINTS)
        .map(|i| format!("<Datum>1,1,{},{},{}</Datum>", angle(i), angle(i) / 2.0, counts(i)))
        .collect();
    format!(
        "<RawData xmlns:xsi=\"i\"><DataRoutes><DataRoute RouteFlag=\"Measured\">\
         <ScanInformation ScanName=\"Coupled\"><TimePerStep>1.5</TimePerStep></ScanInformation>{rows}\
         <DataViews><RawDataView xsi:type=\"FixedRawDataView\" Start=\"0\" Length=\"1\"/>\
         <RawDataView xsi:type=\"VaryingRawDataView\" Start=\"2\" Length=\"2\"><Varying>\
         <FieldDefinitions AxisId=\"TwoTheta\"/><FieldDefinitions AxisId=\"Theta\"/></Varying>\
         </RawDataView><RawDataView xsi:type=\"RecordedRawDataView\" Start=\"4\" Length=\"1\"/>\
         </DataViews></DataRoute></DataRoutes><FixedInformation>\
         <WaveLengthAlpha1 Value=\"1.5406\"/></FixedInformation></RawData>"
    )
}

fn brml() -> Vec<u8> {
    let container = "<DataContainer><RawDataReferenceList><string>Experiment0/RawData0.xml</string>\
                     </RawDataReferenceList><MeasurementInfo SampleName=\"a mixture\"/></DataContainer>";
    archive(&[
        ("Experiment0/DataContainer.xml", container.as_bytes()),
        ("Experiment0/RawData0.xml", brml_raw_data().as_bytes()),
    ])
}

fn rasx() -> Vec<u8> {
    let conditions = "<MeasurementConditions><GeneralInformation><SampleName>a mixture</SampleName>\
                      </GeneralInformation><ScanInformation><AxisName>TwoThetaTheta</AxisName>\
                      </ScanInformation></MeasurementConditions>";
    let root = "<Root><Data0 Type=\"Profile\"><ContentHashList Name=\"Profile0.txt\"/>\
                <ContentHashList Name=\"MesurementConditions0.xml\"/></Data0></Root>";
    let profile = format!("\u{feff}{}", rows("\t").replace('\n', "\t1\r\n"));
    archive(&[
        ("Data0/Profile0.txt", profile.as_bytes()),
        ("Data0/MesurementConditions0.xml", conditions.as_bytes()),
        ("root.xml", root.as_bytes()),
    ])
}

/// Bytes into which fields are put at offsets.
struct Record(Vec<u8>);

impl Record {
    fn new(length: usize) -> Self {
        Self(vec![0; length])
    }

    fn put(mut self, offset: usize, field: &[u8]) -> Self {
        self.0[offset..offset + field.len()].copy_from_slice(field);
        self
    }

    fn f32(self, offset: usize, value: f64) -> Self {
        self.put(offset, &(value as f32).to_le_bytes())
    }

    fn f64(self, offset: usize, value: f64) -> Self {
        self.put(offset, &value.to_le_bytes())
    }

    fn u16(self, offset: usize, value: usize) -> Self {
        self.put(offset, &(value as u16).to_le_bytes())
    }

    fn u32(self, offset: usize, value: usize) -> Self {
        self.put(offset, &(value as u32).to_le_bytes())
    }

    fn end(self) -> Vec<u8> {
        self.0
    }
}

fn floats() -> Vec<u8> {
    (0..POINTS).flat_map(|i| (counts(i) as f32).to_le_bytes()).collect()
}

fn bruker_raw_1() -> Vec<u8> {
    let header = Record::new(156)
        .put(0, b"RAW ")
        .u32(4, POINTS)
        .f32(8, 1.5)
        .f32(12, STEP)
        .f32(24, START)
        .put(40, b"a mixture")
        .f32(72, 1.5406)
        .f32(76, 1.5444);
    [header.end(), floats()].concat()
}

fn bruker_raw_2() -> Vec<u8> {
    let file = Record::new(256)
        .put(0, b"RAW2")
        .u16(4, 1)
        .put(188, b"Cu")
        .f32(190, 1.5406)
        .f32(194, 1.5444)
        .f32(198, 0.5);
    let range = Record::new(48).u16(0, 48).u16(2, POINTS).f32(8, 1.5).f32(12, STEP).f32(16, START);
    [file.end(), range.end(), floats()].concat()
}

fn bruker_raw_3() -> Vec<u8> {
    let file = Record::new(712)
        .put(0, b"RAW1.01")
        .u32(12, 1)
        .put(326, b"a mixture")
        .put(608, b"Cu")
        .f64(624, 1.5406)
        .f64(632, 1.54439)
        .f64(648, 0.5);
    let range = Record::new(304)
        .u32(0, 304)
        .u32(4, POINTS)
        .f64(16, START)
        .f64(176, STEP)
        .f32(192, 1.5)
        .u32(252, 4);
    [file.end(), range.end(), floats()].concat()
}

fn bruker_raw_4() -> Vec<u8> {
    let file = Record::new(61).put(0, b"RAW4.00").put(12, b"08/30/2021").put(24, b"20:35:58");
    let name = Record::new(45).u32(0, 10).u32(4, 45).put(12, b"SAMPLEID").put(36, b"a mixture");
    let source =
        Record::new(120).u32(0, 30).u32(4, 120).f64(80, 1.5406).f64(88, 1.54439).f64(104, 0.5);
    let range = Record::new(160)
        .put(32, b"Locked Coupled")
        .f64(72, START)
        .f64(80, STEP)
        .u32(88, POINTS)
        .f32(92, 1.5)
        .u32(136, 4)
        .u32(140, 64);
    let drive = Record::new(64).u32(0, 50).u32(4, 64).u32(8, 1).put(12, b"2Theta").f64(56, START);
    [file.end(), name.end(), source.end(), range.end(), drive.end(), floats()].concat()
}

fn rigaku_raw() -> Vec<u8> {
    let header = Record::new(2306)
        .put(0, b"FI\0\0\xd8")
        .f64(1212, 1.540593)
        .f64(1220, 1.544414)
        .put(1400, b"PI\0\0")
        .f32(1400 + 826, START)
        .f32(1400 + 830, angle(POINTS - 1))
        .f32(1400 + 834, STEP)
        .put(2286, b"DA\0\0")
        .u32(2302, POINTS);
    [header.end(), floats()].concat()
}

fn stoe_raw() -> Vec<u8> {
    let data = 5 * 512;
    let range = data - 512;
    let largest = (0..POINTS).map(counts).max().expect("points");
    let mut file = Record::new(data + 512)
        .put(0, b"RAW_1.06Powdat")
        .put(16, b"22-Sep-20 17:18")
        .put(32, b"a mixture")
        .f32(322, 1.5406)
        .f32(326, 1.5444)
        .u16(474, 1)
        .u16(476, 6)
        .u16(range + 34, POINTS)
        .f32(range + 44, START)
        .f32(range + 52, angle(POINTS - 1))
        .f32(range + 60, STEP)
        .u32(range + 120, 20)
        .u32(range + 124, largest as usize);
    for index in 0..POINTS {
        file = file.u32(data + 4 * index, counts(index) as usize);
    }
    file.end()
}
