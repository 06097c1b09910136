# The program with PyTorch for the CPU (about 2 GB) or for CUDA (about 7 GB; the host has the driver, all else is in
# PyTorch's wheels):
#
#     docker build -t bdia_edm .
#     docker build -t bdia_edm:cuda --build-arg TORCH=cuda .
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" bdia_edm bdia_edm.sample +model=digits
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" -v "$HOME/cache:/cache" --gpus all --shm-size 1g \
#       bdia_edm:cuda bdia_edm.sample +model=cifar10
#
# Apptainer takes the image as it is, and runs it as the user who calls it, in the folder that it is called in:
#
#     docker save bdia_edm:cuda -o bdia_edm.tar
#     apptainer build bdia_edm.sif docker-archive:bdia_edm.tar
#     apptainer run --nv --bind "$HOME/cache:/cache" bdia_edm.sif bdia_edm.sample +model=cifar10
FROM python:3.11-slim-bookworm

ARG TORCH=cpu

WORKDIR /opt/bdia_edm
COPY constraints.txt ./
# In a layer of its own: it takes long and seldom changes. Without --no-deps the index that PyTorch has for the CPU would
# be asked for all else too; 2.14.1+cpu, as it calls its build, is the 2.14.1 of constraints.txt.
RUN grep -E '^(torch|torchvision)==' constraints.txt > torch.txt \
 && case "$TORCH" in \
      cpu) pip install --no-cache-dir --no-deps --index-url https://download.pytorch.org/whl/cpu -r torch.txt ;; \
      cuda) pip install --no-cache-dir --constraint constraints.txt -r torch.txt ;; \
      *) echo "TORCH=$TORCH: must be cpu or cuda" >&2; exit 1 ;; \
    esac
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY bdia_edm bdia_edm
COPY conf conf
# Whoever the container runs as has a home and writes to these folders.
RUN pip install --no-cache-dir --constraint constraints.txt '.[cluster]' \
 && useradd --uid 1000 --create-home user \
 && install --directory --mode 1777 /work /cache /home/any

USER 1000
WORKDIR /work
ENV BDIA_EDM_CACHE=/cache HOME=/home/any
ENTRYPOINT ["python", "-m"]
CMD ["bdia_edm.sample", "--help"]
