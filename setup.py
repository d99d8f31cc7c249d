"""Packaging of bt_gex; the settings of the tools live in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="bt-gex",
    version="0.1.0",
    description="Replay a recorded 0DTE option market through the live bot's own decisions.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="GPL-3.0-or-later",
    python_requires=">=3.11",
    packages=find_packages(include=["bt_gex", "bt_gex.*"]),
    package_data={"bt_gex": ["py.typed"], "bt_gex.reports.html": ["templates/*"]},
    install_requires=[
        "adbc-driver-sqlite>=1.0",
        "backtrader>=1.9.78.123",
        "click>=8.1",
        "exchange_calendars>=4.5",
        "Jinja2>=3.1",
        "matplotlib>=3.8",
        "numpy>=1.26",
        "pandas>=2.1",
        "platformdirs>=4.0",
        "pyarrow>=15.0",
        "pydantic>=2.6",
        "PyYAML>=6.0",
        "rich>=13.0",
        "SQLAlchemy>=2.0",
        "typing_extensions>=4.9",
        "tzdata>=2024.1",
    ],
    extras_require={
        "postgres": ["psycopg[binary]>=3.1"],
        "fast": ["numba>=0.59"],
        "search": ["optuna>=4.0"],
        "cluster": ["distributed>=2024.1"],
        "yahoo": ["yfinance>=1.7"],
        "dev": [
            "distributed>=2024.1",
            "hypothesis>=6.100",
            "mypy>=1.10",
            "numba>=0.59",
            "optuna>=4.0",
            "pandas-stubs>=2.1",
            "psycopg[binary]>=3.1",
            "pytest>=8.0",
            "pytest-xdist>=3.5",
            "ruff>=0.5",
            "selenium>=4.20",
            "types-PyYAML>=6.0",
            "vollib>=1.0",
            "yfinance>=1.7",
        ],
    },
    entry_points={"console_scripts": ["bt-gex=bt_gex.cli.main:main"]},
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Topic :: Office/Business :: Financial :: Investment",
    ],
)
