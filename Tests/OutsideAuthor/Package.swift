// swift-tools-version:6.2
import PackageDescription

// A package as any author would have it: it depends on Ballast, and uses nothing that is not public.
let package = Package(
    name: "OutsideAuthor",
    platforms: [.macOS(.v15)],
    products: [.library(name: "OutsideTechniques", targets: ["OutsideTechniques"])],
    dependencies: [.package(name: "Ballast", path: "../..")],
    targets: [
        .target(
            name: "OutsideTechniques", dependencies: [.product(name: "Ballast", package: "Ballast")], path: "Sources"),
        .testTarget(
            name: "OutsideTechniquesTests",
            dependencies: ["OutsideTechniques", .product(name: "BallastTesting", package: "Ballast")], path: "Tests"),
    ],
    swiftLanguageModes: [.v6]
)
