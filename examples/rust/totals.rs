// SPDX-License-Identifier: Apache-2.0
//! Totals of the columns of a table: commas between fields, names in the first
//! line, numbers below. Reads standard input.
//!
//!   rustc --edition 2021 -O -C strip=symbols --target wasm32-wasip1 -o totals.wasm totals.rs
use std::io::{self, BufRead};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut lines = io::stdin().lock().lines().map_while(Result::ok);
    let names: Vec<String> = match lines.next() {
        Some(line) => line.split(',').map(|s| s.trim().to_string()).collect(),
        None => return ExitCode::from(1),
    };
    let mut totals = vec![0f64; names.len()];
    let mut rows = 0;
    for line in lines {
        for (total, field) in totals.iter_mut().zip(line.split(',')) {
            match field.trim().parse::<f64>() {
                Ok(n) => *total += n,
                Err(e) => {
                    eprintln!("{}: {}", field.trim(), e);
                    return ExitCode::from(1);
                }
            }
        }
        rows += 1;
    }
    for (name, total) in names.iter().zip(&totals) {
        println!("{} {}", name, total);
    }
    println!("rows {}", rows);
    ExitCode::SUCCESS
}
