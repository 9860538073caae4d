internal import CKernels

extension Tensor {
    /// Applies a unary kernel, and records its derivative.
    @inline(__always)
    private func unary(
        _ name: StaticString, _ operation: ballast_unary_operation, parameter: Float = 0
    ) -> Tensor {
        requireFloats(name)
        let output = Tensor(uninitialized: shape)
        ballast_unary(operation, elementCount, storage.floats, parameter, output.storage.floats)
        guard let tape = Tape.of(self) else { return output }
        let index = tape.index(of: self)
        let input = detached
        return tape.record(name, output) { gradient, tape in
            tape.accumulate(into: index, shape: input.shape) { pointer, accumulate in
                ballast_unary_gradient(
                    operation, input.elementCount, input.storage.floats, output.storage.floats,
                    gradient.storage.floats, parameter, accumulate, pointer)
            }
        }
    }

    /// The magnitude of each element; its derivative at 0 is 0.
    public func magnitude() -> Tensor { unary("magnitude", ballast_absolute) }
    /// -1, 0 or 1 for each element; its derivative is 0.
    public func sign() -> Tensor { unary("sign", ballast_sign) }
    /// The square of each element.
    public func squared() -> Tensor { unary("squared", ballast_square) }
    /// The square root of each element.
    public func squareRoot() -> Tensor { unary("squareRoot", ballast_square_root) }
    /// One over the square root of each element.
    public func reciprocalSquareRoot() -> Tensor { unary("reciprocalSquareRoot", ballast_reciprocal_square_root) }
    /// One over each element.
    public func reciprocal() -> Tensor { unary("reciprocal", ballast_reciprocal) }
    /// The exponential of each element.
    public func exp() -> Tensor { unary("exp", ballast_exponential) }
    /// The natural logarithm of each element.
    public func log() -> Tensor { unary("log", ballast_logarithm) }
    /// The sine of each element, in radians.
    public func sin() -> Tensor { unary("sin", ballast_sine) }
    /// The cosine of each element, in radians.
    public func cos() -> Tensor { unary("cos", ballast_cosine) }
    /// The hyperbolic tangent of each element.
    public func tanh() -> Tensor { unary("tanh", ballast_tangent_hyperbolic) }
    /// The logistic function 1 / (1 + exp(-x)).
    public func sigmoid() -> Tensor { unary("sigmoid", ballast_sigmoid) }
    /// max(x, 0); its derivative at 0 is 0.
    public func relu() -> Tensor { unary("relu", ballast_relu) }
    /// x where positive, `slope * x` elsewhere.
    public func leakyReLU(slope: Float = 0.01) -> Tensor { unary("leakyReLU", ballast_leaky_relu, parameter: slope) }
    /// x where positive, `alpha * (exp(x) - 1)` elsewhere (Clevert et al., 2016).
    public func elu(alpha: Float = 1) -> Tensor { unary("elu", ballast_elu, parameter: alpha) }
    /// x Φ(x) with the exact normal distribution function (Hendrycks & Gimpel, 2016).
    public func gelu() -> Tensor { unary("gelu", ballast_gelu) }
    /// The approximation of ``gelu()`` by a hyperbolic tangent.
    public func geluTanh() -> Tensor { unary("geluTanh", ballast_gelu_tanh) }
    /// x sigmoid(x), also called swish.
    public func silu() -> Tensor { unary("silu", ballast_silu) }
    /// log(1 + exp(x)).
    public func softplus() -> Tensor { unary("softplus", ballast_softplus) }
    /// The error function of each element.
    public func errorFunction() -> Tensor { unary("errorFunction", ballast_error_function) }
    /// The greatest integer that is not above each element; its derivative is 0.
    public func floor() -> Tensor { unary("floor", ballast_floor) }
    /// The nearest integer, halves to even; its derivative is 0.
    public func rounded() -> Tensor { unary("rounded", ballast_round) }

    /// Each element with its sign changed.
    public static prefix func - (x: Tensor) -> Tensor { x.unary("negate", ballast_negate) }

    /// a x + b for each element.
    package func affine(_ a: Float, _ b: Float, name: StaticString) -> Tensor {
        requireFloats(name)
        let output = Tensor(uninitialized: shape)
        ballast_affine(elementCount, storage.floats, a, b, false, output.storage.floats)
        guard let tape = Tape.of(self) else { return output }
        let index = tape.index(of: self)
        let shape = shape
        return tape.record(name, output) { gradient, tape in
            tape.accumulate(into: index, shape: shape) { pointer, accumulate in
                ballast_affine(shape.elementCount, gradient.storage.floats, a, 0, accumulate, pointer)
            }
        }
    }

    /// Each element raised to at least a lower bound; its derivative is 1 from the bound on and 0 below.
    ///
    /// - Precondition: the bound is not NaN.
    public func clamped(to range: PartialRangeFrom<Float>) -> Tensor {
        require(!range.lowerBound.isNaN, "clamped: the lower bound must be a number but is NaN")
        return clamped(to: range.lowerBound ... .infinity)
    }

    /// Each element lowered to at most an upper bound; its derivative is 1 up to the bound and 0 above.
    ///
    /// - Precondition: the bound is not NaN.
    public func clamped(to range: PartialRangeThrough<Float>) -> Tensor {
        require(!range.upperBound.isNaN, "clamped: the upper bound must be a number but is NaN")
        return clamped(to: -.infinity...range.upperBound)
    }

    /// Each element limited to a range; its derivative is 1 inside (ends included) and 0 outside.
    public func clamped(to range: ClosedRange<Float>) -> Tensor {
        requireFloats("clamped")
        let output = Tensor(uninitialized: shape)
        ballast_clamp(elementCount, storage.floats, range.lowerBound, range.upperBound, output.storage.floats)
        guard let tape = Tape.of(self) else { return output }
        let index = tape.index(of: self)
        let input = detached
        return tape.record("clamped", output) { gradient, tape in
            let inside = input.isGreaterOrEqual(to: range.lowerBound) * (-input).isGreaterOrEqual(to: -range.upperBound)
            tape.accumulate(gradient * inside, into: index)
        }
    }
}
