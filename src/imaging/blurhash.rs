//! What is shown of a picture until it has arrived: a few waves of colour in about thirty characters, as
//! <https://github.com/woltapp/blurhash/blob/master/Algorithm.md> describes them.

use std::f32::consts::PI;

use super::pixels::{Channels, Pixels};

/// Waves from left to right.
const ACROSS: usize = 4;
/// Waves from top to bottom.
const DOWN: usize = 3;

/// The digits of numbers to the base 83.
const DIGITS: &[u8; 83] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

/// Red, green and blue, as amounts of light.
type Light = [f32; 3];

/// The hash of a picture, which should be small. What is transparent is taken for white.
pub fn blurhash(pixels: &Pixels) -> String {
    let waves = waves(pixels);
    let (average, details) = waves.split_first().expect("there are waves");
    let mut hash = String::new();
    push(&mut hash, (ACROSS - 1) + (DOWN - 1) * 9, 1);
    let loudest = details.iter().flatten().fold(0.0_f32, |most, amount| most.max(amount.abs()));
    let scale = rounded_down((loudest * 166.0 - 0.5).clamp(0.0, 82.0));
    push(&mut hash, scale, 1);
    let [red, green, blue] = average.map(encoded);
    push(&mut hash, (red << 16) + (green << 8) + blue, 4);
    let loudest = small_float(scale + 1) / 166.0;
    for detail in details {
        let [red, green, blue] = detail.map(|amount| {
            let share = (amount / loudest).clamp(-1.0, 1.0);
            rounded_down((share.signum() * share.abs().sqrt() * 9.0 + 9.5).clamp(0.0, 18.0))
        });
        push(&mut hash, (red * 19 + green) * 19 + blue, 2);
    }
    hash
}

/// How much there is of each wave, row by row.
fn waves(pixels: &Pixels) -> Vec<Light> {
    let light: Vec<f32> = (0..=u8::MAX).map(decoded).collect();
    let (width, height) = (pixels.dimensions().width as usize, pixels.dimensions().height as usize);
    let across = cosines(ACROSS, width);
    let down = cosines(DOWN, height);
    let mut waves = vec![[0.0; 3]; ACROSS * DOWN];
    for (y, row) in pixels.rows().enumerate() {
        for (x, pixel) in row.chunks_exact(pixels.channels().count()).enumerate() {
            let colour = seen(pixel, pixels.channels()).map(|amount| light[usize::from(amount)]);
            for (number, wave) in waves.iter_mut().enumerate() {
                let height = across[number % ACROSS][x] * down[number / ACROSS][y];
                for (sum, amount) in wave.iter_mut().zip(colour) {
                    *sum += height * amount;
                }
            }
        }
    }
    let pixels = small_float(width) * small_float(height);
    for (number, wave) in waves.iter_mut().enumerate() {
        let norm = if number == 0 { 1.0 } else { 2.0 };
        *wave = wave.map(|sum| sum * norm / pixels);
    }
    waves
}

/// The heights of the first waves at each place along a side.
fn cosines(waves: usize, side: usize) -> Vec<Vec<f32>> {
    let height =
        |wave, place| (PI * small_float(wave) * small_float(place) / small_float(side)).cos();
    (0..waves).map(|wave| (0..side).map(|place| height(wave, place)).collect()).collect()
}

/// A pixel on white.
fn seen(pixel: &[u8], channels: Channels) -> [u8; 3] {
    match channels {
        Channels::Grey => [pixel[0]; 3],
        Channels::Rgb => [pixel[0], pixel[1], pixel[2]],
        Channels::Rgba => {
            let (alpha, white) = (u16::from(pixel[3]), u16::from(u8::MAX));
            [pixel[0], pixel[1], pixel[2]].map(|amount| {
                let mixed = (u16::from(amount) * alpha + white * (white - alpha)) / white;
                u8::try_from(mixed).expect("a mixture is no more than its parts")
            })
        }
    }
}

/// From what is stored (sRGB) to an amount of light.
fn decoded(stored: u8) -> f32 {
    let stored = f32::from(stored) / 255.0;
    if stored <= 0.04045 { stored / 12.92 } else { ((stored + 0.055) / 1.055).powf(2.4) }
}

/// From an amount of light to what is stored.
fn encoded(light: f32) -> usize {
    let light = light.clamp(0.0, 1.0);
    let stored =
        if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    rounded_down(stored * 255.0 + 0.5)
}

fn push(hash: &mut String, number: usize, digits: u32) {
    for digit in (0..digits).rev() {
        hash.push(char::from(DIGITS[number / 83_usize.pow(digit) % 83]));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
fn rounded_down(number: f32) -> usize {
    number as usize
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 16 million, which no side has")]
fn small_float(number: usize) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Dimensions;

    fn of(width: u32, height: u32, channels: Channels, data: Vec<u8>) -> String {
        blurhash(&Pixels::new(Dimensions { width, height }, channels, data))
    }

    #[test]
    fn a_single_colour_is_its_average_without_details() {
        assert_eq!(of(8, 8, Channels::Grey, vec![0; 64]), "L00000fQfQfQfQfQfQfQfQfQfQfQ");
        // Waves over an even number of places do not quite cancel each other out.
        let white = of(128, 128, Channels::Rgb, vec![255; 128 * 128 * 3]);
        assert_eq!(&white[..6], "L2TSUA");
        let clear = [9, 9, 9, 0].repeat(128 * 128);
        assert_eq!(of(128, 128, Channels::Rgba, clear), white, "transparent");
    }

    #[test]
    fn red_on_the_left_is_no_red_on_the_right() {
        let left = [[255, 0, 0], [0, 0, 255]].concat().repeat(2);
        let right = [[0, 0, 255], [255, 0, 0]].concat().repeat(2);
        let (left, right) = (of(2, 2, Channels::Rgb, left), of(2, 2, Channels::Rgb, right));
        assert_eq!(left.len(), 28);
        assert_eq!(left[2..6], right[2..6], "their averages are the same");
        assert_ne!(left[6..], right[6..]);
    }
}
