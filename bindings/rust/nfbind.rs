// SPDX-License-Identifier: MIT

//! nfbind for Rust: as much of it as a program needs that judges packets. It is the trial
//! of doc/bindings.md; `generated.rs` is written from the headers.

use std::ffi::{c_void, CStr};
use std::fmt;
use std::marker::PhantomData;
use std::os::raw::{c_char, c_int};

#[allow(clippy::all)]
pub mod generated;
pub use generated::*;

/// The numbers of Linux that errors have, on the machines where they are these.
pub mod errno {
    macro_rules! numbers {
        ($($name:ident = $value:expr),* $(,)?) => { $(pub const $name: i32 = $value;)* };
    }
    numbers! {
        EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, E2BIG = 7, EBADF = 9, ECHILD = 10, EAGAIN = 11,
        ENOMEM = 12, EACCES = 13, EBUSY = 16, EEXIST = 17, ENODEV = 19, EINVAL = 22, ENFILE = 23, EMFILE = 24,
        EFBIG = 27, ENOSPC = 28, EROFS = 30, EPIPE = 32, EDOM = 33, ERANGE = 34, ENOSYS = 38, ENODATA = 61, ETIME = 62, EPROTO = 71,
        EBADMSG = 74, EOVERFLOW = 75, EDESTADDRREQ = 89, EMSGSIZE = 90, EPROTONOSUPPORT = 93, EOPNOTSUPP = 95, ENETDOWN = 100, ENETUNREACH = 101,
        ENOBUFS = 105, ESHUTDOWN = 108, ETIMEDOUT = 110, ECONNREFUSED = 111, ESTALE = 116, EALREADY = 114, EINPROGRESS = 115,
        ECANCELED = 125,
    }
}

/// What the library refuses, with the sentence that says why.
#[derive(Debug)]
pub struct Error {
    pub errno: i32,
    pub text: String,
}

impl Error {
    pub(crate) fn new(r: c_int, text: &str) -> Error {
        Error { errno: -r, text: text.to_string() }
    }

    pub(crate) fn known(r: c_int, sentences: &[(i32, &str)]) -> Error {
        let found = sentences.iter().find(|(errno, _)| *errno == -r);
        Error::new(r, found.map_or("", |(_, text)| text))
    }

    /// What the object itself says is better.
    pub(crate) fn said(mut self, message: Result<String, Error>) -> Error {
        if let Ok(text) = message {
            if !text.is_empty() {
                self.text = text;
            }
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.text.as_str() {
            "" => write!(f, "{}", std::io::Error::from_raw_os_error(self.errno)),
            text => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

/// A pointer of the library's that is owned, or lives as long as what it is borrowed from. It
/// stays with its thread.
pub(crate) struct Life<'a> {
    pointer: *mut c_void,
    owned: bool,
    from: PhantomData<&'a ()>,
}

impl Life<'_> {
    pub(crate) fn new<'a>(pointer: *mut c_void, owned: bool) -> Life<'a> {
        Life { pointer, owned, from: PhantomData }
    }

    pub(crate) fn pointer(&self) -> *mut c_void {
        self.pointer
    }

    pub(crate) fn is_owned(&self) -> bool {
        self.owned
    }
}

/// Room for a text of the library's.
pub(crate) struct Text(Vec<u8>);

impl Text {
    pub(crate) fn new() -> Text {
        Text(vec![0; 1024])
    }

    pub(crate) fn pointer(&mut self) -> *mut c_char {
        self.0.as_mut_ptr().cast()
    }

    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }

    /// Whether the text was longer: then there is room now.
    pub(crate) fn grows(&mut self, length: c_int) -> bool {
        if length < 0 || (length as usize) < self.0.len() {
            return false;
        }
        self.0.resize(length as usize + 1, 0);
        true
    }

    pub(crate) fn string(&self) -> String {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len());
        String::from_utf8_lossy(&self.0[..end]).into_owned()
    }
}

pub(crate) fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

pub(crate) fn bytes<'a>(pointer: *const c_void, size: usize) -> &'a [u8] {
    if size == 0 {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(pointer.cast(), size) }
}
