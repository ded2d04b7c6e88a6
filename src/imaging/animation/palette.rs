//! The colours of an animation that is redrawn: one palette for all its frames, so that what does not move does not flicker.

use std::collections::BTreeSet;

use color_quant::NeuQuant;

use crate::imaging::{
    Unusable,
    decode::{Canvas, gif_overview, open_gif},
    patience::Patience,
    pixels::area,
};

/// So many pixels are looked at, evenly over all frames: enough to find every colour of which there is more than a trace.
const SAMPLES: u64 = 60_000;

/// Of the pixels that are looked at, the network learns from a third: more would take longer, and look the same.
const LEARNT_SHARE: i32 = 3;

/// The most colours; the number after them is what is transparent.
const MOST_COLOURS: usize = 255;

/// The palette.
pub struct Palette {
    /// At most 255, of four channels, all opaque.
    colours: Vec<[u8; 4]>,
    /// For colours of six bits a channel: the number that is closest, once it was looked for, or else `UNKNOWN`.
    closest: Vec<u16>,
}

const UNKNOWN: u16 = u16::MAX;

impl Palette {
    /// Finds the colours of so many frames.
    pub fn of(bytes: &[u8], frames: u64, patience: &Patience<'_>) -> Result<Self, Unusable> {
        let overview = gif_overview(bytes, patience)?;
        let pixels = area(overview.dimensions) * frames;
        // An odd distance, so that it is not always the same columns.
        let distance = usize::try_from(pixels / SAMPLES).expect("there are few pixels") | 1;
        let mut decoder = open_gif(bytes, patience)?;
        let mut canvas = Canvas::new(overview.dimensions);
        let mut samples = Vec::new();
        let mut distinct = BTreeSet::new();
        while canvas.draw_next(&mut decoder, patience)?.is_some() {
            let pixels = canvas.pixels().data().as_chunks::<4>().0;
            for &pixel in pixels.iter().step_by(distance).filter(|pixel| pixel[3] > 0) {
                samples.extend_from_slice(&pixel);
                if distinct.len() <= MOST_COLOURS {
                    distinct.insert(pixel);
                }
            }
        }
        let colours = if distinct.len() <= MOST_COLOURS {
            distinct.into_iter().collect()
        } else {
            let network = NeuQuant::new(LEARNT_SHARE, MOST_COLOURS, &samples);
            network.color_map_rgba().as_chunks().0.to_vec()
        };
        Ok(Self { colours, closest: vec![UNKNOWN; 1 << 18] })
    }

    /// The number for what is transparent.
    pub fn transparent(&self) -> u8 {
        u8::try_from(self.colours.len()).expect("there are few colours")
    }

    /// Red, green and blue of each colour, and something for what is transparent.
    pub fn table(&self) -> Vec<u8> {
        let opaque = self.colours.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]);
        opaque.chain([0; 3]).collect()
    }

    /// The number of the colour that is closest to a pixel.
    pub fn number_of(&mut self, [red, green, blue, alpha]: [u8; 4]) -> u8 {
        if alpha < 128 || self.colours.is_empty() {
            return self.transparent();
        }
        let place = [red, green, blue]
            .iter()
            .fold(0, |place, &channel| place << 6 | usize::from(channel >> 2));
        let closest = &mut self.closest[place];
        if *closest == UNKNOWN {
            let distance = |colour: &[u8; 4]| {
                let apart = |left: u8, right: u8| u32::from(left.abs_diff(right)).pow(2);
                // How much the eye makes of a difference.
                3 * apart(colour[0], red) + 6 * apart(colour[1], green) + apart(colour[2], blue)
            };
            let nearest =
                self.colours.iter().enumerate().min_by_key(|(_, colour)| distance(colour));
            let (number, _) = nearest.expect("there are colours");
            *closest = u16::try_from(number).expect("there are few colours");
        }
        u8::try_from(*closest).expect("there are few colours")
    }
}
