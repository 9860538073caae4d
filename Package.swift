// swift-tools-version:6.2
import Foundation
import PackageDescription

/// Every technique is a folder in `Plugins/` with `Sources`, `Tests` and `README.md`; its module is `Ballast` + name.
let techniques = [
    "BatchNorm",
    "DataAugmentation",
    "DecoupledDecay",
    "Dropout",
    "EarlyStopping",
    "ElasticNet",
    "GroupNorm",
    "InstanceNorm",
    "L1",
    "L2",
    "LayerNorm",
    "ProximalL1",
    "RMSNorm",
    "ReduceOnPlateau",
]

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Checking at run time that accesses do not overlap takes a tenth of a small training step. Debug builds, and so the
/// tests, keep the checks.
let coreSettings = swiftSettings + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

/// The folder of recorded values beside a technique's tests, if it has one: not a source.
func fixtures(of technique: String) -> [String] {
    let folder = "\(Context.packageDirectory)/Plugins/\(technique)/Tests/Fixtures"
    return FileManager.default.fileExists(atPath: folder) ? ["Fixtures"] : []
}

/// Ballast with the modules that it exports: a target that names them is built anew when they change.
let ballast: [Target.Dependency] = [
    "Ballast", "BallastCore", "BallastData", "BallastExperiments", "BallastFiles", "BallastReports", "Tensors",
]

let techniqueTargets = techniques.flatMap { technique -> [Target] in
    [
        .target(
            name: "Ballast\(technique)", dependencies: ["BallastCore", "Tensors"], path: "Plugins/\(technique)/Sources",
            swiftSettings: swiftSettings),
        .testTarget(
            name: "Ballast\(technique)Tests",
            dependencies: ballast + [.target(name: "Ballast\(technique)"), "BallastTesting", "TestSupport"],
            path: "Plugins/\(technique)/Tests", exclude: fixtures(of: technique), swiftSettings: swiftSettings),
    ]
}

/// A program of one file, as a user of the package would write it.
func quickSample(_ name: String, _ folder: String, _ techniques: [String] = []) -> Target {
    .executableTarget(
        name: "quick-\(name)", dependencies: ballast + techniques.map { .target(name: $0) },
        path: "Samples/Quick/\(folder)", packageAccess: false, swiftSettings: swiftSettings)
}

let package = Package(
    name: "Ballast",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Ballast", targets: ["Ballast"]),
        .library(name: "BallastCore", targets: ["BallastCore"]),
        .library(name: "BallastPlugins", targets: ["BallastPlugins"]),
        .library(name: "BallastTesting", targets: ["BallastTesting"]),
        .executable(name: "samples", targets: ["samples"]),
    ] + techniques.map { .library(name: "Ballast\($0)", targets: ["Ballast\($0)"]) },
    targets: [
        // The kernels are optimized in debug builds too: tests and debugging stay usable.
        .target(
            name: "CKernels",
            cSettings: [.unsafeFlags(["-O3"], .when(configuration: .debug))]),
        .systemLibrary(name: "CZlib"),
        .target(name: "Tensors", dependencies: ["CKernels"], swiftSettings: coreSettings),
        // Reading and writing files safely, and the safetensors format: what the core and the data formats share.
        .target(name: "BallastFiles", dependencies: ["Tensors", "CZlib"], swiftSettings: swiftSettings),
        // What training is: hooks, composition, models, the trainer.
        .target(
            name: "BallastCore", dependencies: ["BallastFiles", "Tensors", "CKernels"], swiftSettings: coreSettings),
        // Data formats and data sets.
        .target(
            name: "BallastData", dependencies: ["BallastCore", "BallastFiles", "Tensors", "CZlib"],
            swiftSettings: swiftSettings),
        // What people look at: tables, charts, pages.
        .target(
            name: "BallastReports", dependencies: ["BallastCore", "Tensors", "CZlib"], swiftSettings: swiftSettings),
        // Several trainings: comparisons.
        .target(
            name: "BallastExperiments", dependencies: ["BallastCore", "BallastReports", "Tensors", "CKernels"],
            swiftSettings: swiftSettings),
        // One import for users: it exports the modules above.
        .target(
            name: "Ballast",
            dependencies: [
                "BallastCore", "BallastFiles", "BallastData", "BallastReports", "BallastExperiments", "Tensors",
            ], swiftSettings: swiftSettings),
        .target(
            name: "BallastPlugins", dependencies: ballast + techniques.map { .target(name: "Ballast\($0)") },
            swiftSettings: swiftSettings),
        // The laws, for authors of techniques: nothing of this package that they could not use themselves.
        .target(
            name: "BallastTesting", dependencies: ["BallastCore"], packageAccess: false, swiftSettings: swiftSettings),
        .executableTarget(
            name: "samples", dependencies: ballast + ["BallastPlugins"], path: "Samples", exclude: ["Quick"],
            packageAccess: false, swiftSettings: swiftSettings),
        // Programs to copy, one file each.
        quickSample("train", "Train", ["BallastDropout", "BallastEarlyStopping", "BallastL2"]),
        quickSample("technique", "WriteTechnique"),
        quickSample("csv", "OwnData", ["BallastDropout"]),
        quickSample("resume", "Resume", ["BallastDropout"]),

        .target(
            name: "TestSupport", dependencies: ballast, path: "Tests/TestSupport",
            exclude: ["normalization.py", "trajectories.py"], swiftSettings: swiftSettings),
        .target(name: "BenchmarkLimits", path: "Tests/BenchmarkLimits"),
        .executableTarget(
            name: "benchmarks", dependencies: ballast + ["BallastPlugins", "BenchmarkLimits", "CKernels"],
            path: "Tests/Benchmarks", exclude: ["README.md"],
            swiftSettings: swiftSettings),
        // What `.ci/documentation` needs beside docc.
        .executableTarget(name: "documentation", path: "Tests/Documentation", swiftSettings: swiftSettings),
        // Optimized in debug builds too: these tests loop over millions of elements in Swift.
        .testTarget(
            name: "CKernelsTests", dependencies: ["CKernels"],
            swiftSettings: swiftSettings + [.unsafeFlags(["-O"], .when(configuration: .debug))]),
        .testTarget(
            name: "TensorsTests", dependencies: ["Tensors", "TestSupport"], exclude: ["Fixtures"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "BallastTests", dependencies: ballast + ["BallastPlugins", "TestSupport"], exclude: ["Fixtures"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "BallastTestingTests", dependencies: ballast + ["BallastTesting", "BallastPlugins"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "DocumentationTests",
            dependencies: ballast + ["documentation", "BallastPlugins", "BallastTesting"], swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "SamplesTests", dependencies: ballast + ["samples", "BallastPlugins"], swiftSettings: swiftSettings),
    ] + techniqueTargets,
    swiftLanguageModes: [.v6]
)
