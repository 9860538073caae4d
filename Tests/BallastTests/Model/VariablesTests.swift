import Ballast
import Testing

struct VariablesTests {
    private func variables(
        _ scalars: [Float] = [1, 0], path: String = "linear1.weight", role: ParameterRole? = .weight
    ) -> Variables {
        Variables(entries: [Variables.Entry(path: path, role: role, value: Tensor(scalars))])
    }

    @Test func `variables have the same bits where paths, roles, shapes and every bit agree`() {
        let own = variables()
        #expect(own.hasSameBits(as: variables()))
        #expect(variables([.nan, 1]).hasSameBits(as: variables([.nan, 1])))
        #expect(!own.hasSameBits(as: variables([1, -0.0])), "0 and -0 are other bits")
        #expect(!own.hasSameBits(as: variables([1, .leastNonzeroMagnitude])))
        #expect(!own.hasSameBits(as: variables([1, 0, 0])))
        #expect(!own.hasSameBits(as: variables(path: "linear1.bias")))
        #expect(!own.hasSameBits(as: variables(role: nil)))
        #expect(!own.hasSameBits(as: Variables(entries: own.entries + own.entries)))
        #expect(!Tensor([1, 2]).hasSameBits(as: Tensor(integers: [1, 2])))
    }
}
