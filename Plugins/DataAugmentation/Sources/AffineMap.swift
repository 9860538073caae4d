internal import Foundation

/// Where the pixels of a changed image come from: source = linear part · place + offset, measured from the center.
///
/// Changes are added in the order in which they happen to the image. The map leads from the result back to the source,
/// so each is multiplied on the right by its own inverse.
struct AffineMap {
    var xx = 1.0
    var xy = 0.0
    var yx = 0.0
    var yy = 1.0
    var x = 0.0
    var y = 0.0

    /// Adds a change that happens after all so far; returns whether it is one that moves pixels along straight lines.
    mutating func add(_ alteration: Alteration) -> Bool {
        switch alteration {
        case .horizontalFlip: multiply(-1, 0, 0, 1)
        case .verticalFlip: multiply(1, 0, 0, -1)
        case .rotation(let degrees):
            let angle = Double(degrees) * .pi / 180
            let (cosine, sine) = (cos(angle), sin(angle))
            multiply(cosine, sine, -sine, cosine)
        case .translation(let dx, let dy):
            x -= xx * Double(dx) + xy * Double(dy)
            y -= yx * Double(dx) + yy * Double(dy)
        case .scale(let factor): multiply(1 / Double(factor), 0, 0, 1 / Double(factor))
        case .shear(let degrees, let vertical):
            let (along, across) = (tan(Double(degrees) * .pi / 180), tan(Double(vertical) * .pi / 180))
            multiply(1 + along * across, along, across, 1)
        default: return false
        }
        return true
    }

    private mutating func multiply(_ a: Double, _ b: Double, _ c: Double, _ d: Double) {
        (xx, xy) = (xx * a + xy * c, xx * b + xy * d)
        (yx, yy) = (yx * a + yy * c, yx * b + yy * d)
    }

    /// Whether every pixel becomes another pixel unchanged: flips and whole steps.
    var movesWholePixels: Bool {
        xx.magnitude == 1 && yy.magnitude == 1 && xy == 0 && yx == 0 && x == x.rounded() && y == y.rounded()
    }

    var isIdentity: Bool { movesWholePixels && xx == 1 && yy == 1 && x == 0 && y == 0 }
}
