//! The part of Python's pickle language that builds dictionaries of tensors, and no more.
//!
//! A pickle is a program for a stack machine (Python's `pickletools` documents the instructions).
//! Its danger lies in two things: naming any function (`GLOBAL`) and calling it (`REDUCE`, `NEWOBJ`,
//! …). Here a name is kept as text, and a call is carried out only for the three functions with which
//! PyTorch rebuilds tensors, each reimplemented as the construction of a value.

use std::collections::HashMap;

/// Values a program may build; more is no checkpoint of a network.
const MOST_NODES: usize = 10_000_000;

/// Why a pickled program was not followed to its end.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PickleError {
    /// It names a function or class that has no place in a file of weights.
    #[error(
        "the checkpoint asks for `{name}`, which is code, not weights; nothing was executed. \
         Save `model.state_dict()` instead of the model"
    )]
    Forbidden {
        /// Module and name.
        name: String,
    },
    /// An instruction that no file of weights needs.
    #[error(
        "the checkpoint's program has instruction 0x{instruction:02x} at byte {at}, which files of weights do not use; nothing was executed"
    )]
    Instruction {
        /// Its code.
        instruction: u8,
        /// Where it stands.
        at: usize,
    },
    /// It ends too early, takes from an empty stack, or mixes up its values.
    #[error("the checkpoint's program is damaged at byte {at}: {reason}")]
    Damaged {
        /// Where.
        at: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

/// The numbers in a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    Bf16,
    I64,
}

impl Element {
    pub(super) fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    fn of_storage(name: &str) -> Option<Self> {
        Some(match name {
            "DoubleStorage" => Self::F64,
            "FloatStorage" => Self::F32,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "LongStorage" => Self::I64,
            _ => return None,
        })
    }
}

/// A tensor as a place in a storage; extents and strides count elements.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TensorView {
    /// Name of the storage's part of the archive.
    pub(super) storage: String,
    pub(super) element: Element,
    pub(super) offset: usize,
    pub(super) sizes: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// A function of those that may be named.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Element),
}

/// Index of a value.
pub(super) type Id = usize;

/// A value. Containers hold the indices of others, so that one dictionary can stand in several
/// places and be filled after it was put there.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// `None`, numbers that no weight needs.
    Other,
    Integer(i64),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Function(Function),
    Storage {
        key: String,
        element: Element,
    },
    Tensor(TensorView),
}

/// A program that has been followed to its end.
#[derive(Debug)]
pub(super) struct Pickle {
    nodes: Vec<Node>,
    value: Id,
}

impl Pickle {
    /// Follows a program.
    pub(super) fn run(program: &[u8]) -> Result<Self, PickleError> {
        let mut machine = Machine { program, ..Machine::default() };
        let value = machine.run()?;
        Ok(Self { nodes: machine.nodes, value })
    }

    /// What the program built.
    pub(super) fn value(&self) -> &Node {
        &self.nodes[self.value]
    }

    /// A value by its index.
    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }
}

#[derive(Default)]
struct Machine<'a> {
    program: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id, PickleError> {
        loop {
            let at = self.at;
            let instruction = self.byte()?;
            match instruction {
                0x80 => drop(self.take(1)?),               // PROTO
                0x95 => drop(self.take(8)?),               // FRAME
                b'(' => self.marks.push(self.stack.len()), // MARK
                b'.' => return self.pop(),                 // STOP
                b'N' => self.push(Node::Other)?,           // NONE
                0x88 | 0x89 => self.push(Node::Integer(i64::from(instruction == 0x88)))?, // bool
                b'K' => {
                    let value = self.number(1)?;
                    self.push_integer(value)?;
                }
                b'M' => {
                    let value = self.number(2)?;
                    self.push_integer(value)?;
                }
                b'J' => {
                    let word = self.take(4)?.try_into().expect("four bytes");
                    self.push(Node::Integer(i64::from(i32::from_le_bytes(word))))?;
                }
                0x8a => self.long()?,
                b'G' => {
                    self.take(8)?; // BINFLOAT
                    self.push(Node::Other)?;
                }
                b'X' | 0x8c | 0x8d => self.text(instruction)?,
                b'c' => self.global()?,
                0x93 => self.stack_global()?,
                b'q' | b'r' => {
                    let key = self.number(if instruction == b'q' { 1 } else { 4 })?;
                    let top = *self.stack.last().ok_or_else(|| self.damaged("nothing to note"))?;
                    self.memo.insert(key, top);
                }
                0x94 => {
                    let top = *self.stack.last().ok_or_else(|| self.damaged("nothing to note"))?;
                    self.memo.insert(self.memo.len() as u64, top);
                }
                b'h' | b'j' => {
                    let key = self.number(if instruction == b'h' { 1 } else { 4 })?;
                    let id = self.memo.get(&key).copied();
                    self.stack.push(id.ok_or_else(|| self.damaged("a note that was not made"))?);
                }
                b'}' => self.push(Node::Dict(Vec::new()))?,
                b']' => self.push(Node::List(Vec::new()))?,
                b')' => self.push(Node::Tuple(Vec::new()))?,
                b't' => {
                    let items = self.pop_mark()?;
                    self.push(Node::Tuple(items))?;
                }
                0x85..=0x87 => {
                    let count = usize::from(instruction - 0x84);
                    let from = self.stack.len().checked_sub(count);
                    let from = from.ok_or_else(|| self.damaged("a tuple of too few"))?;
                    let items = self.stack.split_off(from);
                    self.push(Node::Tuple(items))?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.fill_dict(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_mark()?;
                    self.fill_dict(&items)?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.fill_list(&[item])?;
                }
                b'e' => {
                    let items = self.pop_mark()?;
                    self.fill_list(&items)?;
                }
                b'Q' => self.storage()?,
                b'R' => self.call()?,
                b'b' => {
                    // A state set on a dictionary (`_metadata`) says nothing about weights.
                    self.pop()?;
                    let top = *self.stack.last().ok_or_else(|| self.damaged("state of nothing"))?;
                    if !matches!(self.nodes[top], Node::Dict(_)) {
                        return Err(self.damaged("state of something that has none"));
                    }
                }
                _ => return Err(PickleError::Instruction { instruction, at }),
            }
        }
    }

    fn damaged(&self, reason: &'static str) -> PickleError {
        PickleError::Damaged { at: self.at, reason }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], PickleError> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.program.len());
        let end = end.ok_or_else(|| self.damaged("it ends in the middle"))?;
        let taken = &self.program[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        Ok(self.take(1)?[0])
    }

    /// An unsigned number of `bytes` bytes, at most eight.
    fn number(&mut self, bytes: usize) -> Result<u64, PickleError> {
        let taken = self.take(bytes)?;
        Ok(taken.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn push(&mut self, node: Node) -> Result<(), PickleError> {
        if self.nodes.len() == MOST_NODES {
            return Err(self.damaged("it builds more values than any network has"));
        }
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    fn push_integer(&mut self, value: u64) -> Result<(), PickleError> {
        let value = i64::try_from(value).map_err(|_| self.damaged("a number too large"))?;
        self.push(Node::Integer(value))
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.damaged("it takes from an empty stack"));
        }
        Ok(self.stack.pop().expect("checked"))
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        let mark = mark.ok_or_else(|| self.damaged("an end without a beginning"))?;
        Ok(self.stack.split_off(mark))
    }

    /// LONG1: a signed number of up to 255 bytes; beyond eight it is no size of anything.
    fn long(&mut self) -> Result<(), PickleError> {
        let count = usize::from(self.byte()?);
        let bytes = self.take(count)?;
        let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let node = if count > 8 {
            Node::Other
        } else {
            let mut word = [if negative { 0xFF } else { 0 }; 8];
            word[..count].copy_from_slice(bytes);
            Node::Integer(i64::from_le_bytes(word))
        };
        self.push(node)
    }

    fn text(&mut self, instruction: u8) -> Result<(), PickleError> {
        let length = self.number(match instruction {
            b'X' => 4,
            0x8c => 1,
            _ => 8,
        })?;
        let length = usize::try_from(length).map_err(|_| self.damaged("a text too long"))?;
        let text = String::from_utf8(self.take(length)?.to_vec());
        let text = text.map_err(|_| self.damaged("a text that is not UTF-8"))?;
        self.push(Node::Text(text))
    }

    /// GLOBAL: module and name on two lines.
    fn global(&mut self) -> Result<(), PickleError> {
        let module = self.line()?;
        let name = self.line()?;
        self.push_function(&module, &name)
    }

    fn stack_global(&mut self) -> Result<(), PickleError> {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Node::Text(module), Node::Text(name)) = (&self.nodes[module], &self.nodes[name])
        else {
            return Err(self.damaged("a function without a name"));
        };
        let (module, name) = (module.clone(), name.clone());
        self.push_function(&module, &name)
    }

    fn line(&mut self) -> Result<String, PickleError> {
        let rest = &self.program[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\n');
        let end = end.ok_or_else(|| self.damaged("a line without end"))?;
        let line = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Ok(line)
    }

    fn push_function(&mut self, module: &str, name: &str) -> Result<(), PickleError> {
        let function = match (module, name) {
            ("collections", "OrderedDict") => Some(Function::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Function::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Some(Function::RebuildParameter),
            ("torch", name) => Element::of_storage(name).map(Function::Storage),
            _ => None,
        };
        let forbidden = || PickleError::Forbidden { name: format!("{module}.{name}") };
        self.push(Node::Function(function.ok_or_else(forbidden)?))
    }

    fn fill_dict(&mut self, items: &[Id]) -> Result<(), PickleError> {
        let dict = *self.stack.last().ok_or_else(|| self.damaged("no dictionary"))?;
        if !items.len().is_multiple_of(2) {
            return Err(self.damaged("a key without a value"));
        }
        let Node::Dict(entries) = &mut self.nodes[dict] else {
            return Err(self.damaged("no dictionary"));
        };
        entries.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        Ok(())
    }

    fn fill_list(&mut self, items: &[Id]) -> Result<(), PickleError> {
        let list = *self.stack.last().ok_or_else(|| self.damaged("no list"))?;
        let Node::List(entries) = &mut self.nodes[list] else {
            return Err(self.damaged("no list"));
        };
        entries.extend_from_slice(items);
        Ok(())
    }

    /// BINPERSID: ('storage', type, key, location, number of elements).
    fn storage(&mut self) -> Result<(), PickleError> {
        let id = self.pop()?;
        let Node::Tuple(parts) = &self.nodes[id] else { return Err(self.damaged("no storage")) };
        let [kind, class, key, ..] = parts[..] else { return Err(self.damaged("no storage")) };
        match (&self.nodes[kind], &self.nodes[class], &self.nodes[key]) {
            (Node::Text(kind), Node::Function(Function::Storage(element)), Node::Text(key))
                if kind == "storage" =>
            {
                let node = Node::Storage { key: key.clone(), element: *element };
                self.push(node)
            }
            _ => Err(self.damaged("no storage")),
        }
    }

    /// REDUCE, for the functions that may be named.
    fn call(&mut self) -> Result<(), PickleError> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Node::Tuple(arguments) = self.nodes[arguments].clone() else {
            return Err(self.damaged("a call without arguments"));
        };
        match self.nodes[function] {
            Node::Function(Function::OrderedDict) if arguments.is_empty() => {
                self.push(Node::Dict(Vec::new()))
            }
            Node::Function(Function::RebuildParameter) if !arguments.is_empty() => {
                self.stack.push(arguments[0]);
                Ok(())
            }
            Node::Function(Function::RebuildTensor) if arguments.len() >= 4 => {
                let Node::Storage { key, element } = &self.nodes[arguments[0]] else {
                    return Err(self.damaged("a tensor without a storage"));
                };
                let view = TensorView {
                    storage: key.clone(),
                    element: *element,
                    offset: self.size(arguments[1])?,
                    sizes: self.sizes(arguments[2])?,
                    strides: self.sizes(arguments[3])?,
                };
                self.push(Node::Tensor(view))
            }
            _ => Err(self.damaged("a call that builds no tensor")),
        }
    }

    fn size(&self, id: Id) -> Result<usize, PickleError> {
        match self.nodes[id] {
            Node::Integer(value) => {
                usize::try_from(value).map_err(|_| self.damaged("a negative size"))
            }
            _ => Err(self.damaged("a size that is no number")),
        }
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, PickleError> {
        let Node::Tuple(items) = &self.nodes[id] else {
            return Err(self.damaged("sizes that are no tuple"));
        };
        items.iter().map(|&item| self.size(item)).collect()
    }
}
